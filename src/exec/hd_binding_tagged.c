/* hd_binding_tagged.c - the core for the CPU, tagged: contiguous lanes, computed goto. */
#define HD_LANE_TILE 1
#define HD_CORE_GOTO 1
#define HD_CORE_TRACE 0
#define HD_CORE_TAGS 1
#define HD_CORE_RUN core_run
#define HD_BINDING_NAME hd_binding_tagged
#include "exec/hd_binding.inc"
