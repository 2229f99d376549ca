/* hd_binding_tiled.c - the core on the CPU in the device's lane layout: what the device will
   compile, proved without one. */
#define HD_LANE_TILE 32
#define HD_CORE_GOTO 0
#define HD_CORE_TRACE 0
#define HD_CORE_RUN core_run
#define HD_BINDING_NAME hd_binding_tiled
#include "exec/hd_binding.inc"
