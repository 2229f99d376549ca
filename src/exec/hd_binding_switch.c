/* hd_binding_switch.c - the core for the CPU with the device's switch: compared with computed goto.
 */
#define HD_LANE_TILE 1
#define HD_CORE_GOTO 0
#define HD_CORE_TRACE 0
#define HD_CORE_RUN core_run
#define HD_BINDING_NAME hd_binding_switch
#include "exec/hd_binding.inc"
