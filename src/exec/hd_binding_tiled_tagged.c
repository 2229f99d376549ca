/* hd_binding_tiled_tagged.c - the device's lane layout on the CPU, tagged. */
#define HD_LANE_TILE 32
#define HD_CORE_GOTO 0
#define HD_CORE_TRACE 0
#define HD_CORE_TAGS 1
#define HD_CORE_RUN core_run
#define HD_BINDING_NAME hd_binding_tiled_tagged
#include "exec/hd_binding.inc"
