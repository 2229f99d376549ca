/* hd_lane_memory.h - lanes of the CPU. */
#ifndef HD_LANE_MEMORY_H
#define HD_LANE_MEMORY_H

#include "exec/hd_binding.h"

/* hd_lane_memory_open reserves one lane (of a tile of `tile` lanes). HD_ERR_NOMEM. */
hd_err hd_lane_memory_open(hd_lane_memory *lane, uint32_t tile);
void hd_lane_memory_close(hd_lane_memory *lane);

#endif
