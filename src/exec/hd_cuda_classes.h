/* hd_cuda_classes.h - sizes of the device's lanes, from small to large; for hd_exec_cuda.cu. */
#ifndef HD_CUDA_CLASSES_H
#define HD_CUDA_CLASSES_H

#include <string.h>

#include "evm/hd_lane_class.h"

#define HD_CUDA_CLASS_CNT 5u

/* Lanes of tagged runs have two regions more. */
static inline void hd_cuda_classes_layout(hd_lane_class *classes, uint32_t is_tagged) {
    for (uint32_t i = 0; i < HD_CUDA_CLASS_CNT; i++) {
        classes[i].is_tagged = is_tagged;
        hd_lane_class_layout(&classes[i]);
    }
}

static inline void hd_cuda_classes_init(hd_lane_class *classes) {
    memset(classes, 0, HD_CUDA_CLASS_CNT * sizeof(*classes));
    hd_lane_class *c = &classes[0]; /* a token transfer, a swap */
    c->frame_max = 6;
    c->stack_max = 64;
    c->memory_max = 768;
    c->ret_max = 128;
    c->account_max = 8;
    c->slot_max = 12;
    c->journal_max = 40;
    c->log_max = 40;
    c->account_index_max = 16;
    c->slot_index_max = 32;
    c->linear_sz = 0;
    c = &classes[1]; /* ordinary contracts */
    c->frame_max = 64;
    c->stack_max = 2048;
    c->memory_max = 128 << 10;
    c->ret_max = 32 << 10;
    c->account_max = 128;
    c->slot_max = 512;
    c->journal_max = 2048;
    c->log_max = 4096;
    c->account_index_max = 256;
    c->slot_index_max = 1024;
    c->linear_sz = 256 << 10;
    c = &classes[2]; /* whatever a 30 Mgas block holds, nearly */
    c->frame_max = 1025;
    c->stack_max = 64 << 10;
    c->memory_max = 8 << 20;
    c->ret_max = 2 << 20;
    c->account_max = 8192;
    c->slot_max = 16384;
    c->journal_max = 64 << 10;
    c->log_max = 128 << 10;
    c->account_index_max = 16384;
    c->slot_index_max = 32768;
    c->linear_sz = 8 << 20;
    c = &classes[3]; /* deep recursion, tens of megabytes: 0.16 GiB a lane */
    c->frame_max = 1025;
    c->stack_max = 1025 * 1024;
    c->memory_max = 64u << 20;
    c->ret_max = 16u << 20;
    c->account_max = 32 << 10;
    c->slot_max = 128 << 10;
    c->journal_max = 256 << 10;
    c->log_max = 512 << 10;
    c->account_index_max = 64 << 10;
    c->slot_index_max = 256 << 10;
    c->linear_sz = 16 << 20;
    c = &classes[4]; /* the EVM's own limits: 1,024 frames of 1 MiB; 1.6 GiB a lane */
    c->frame_max = 1025;
    c->stack_max = 1025 * 1024;
    c->memory_max = 1040u << 20;
    c->ret_max = 128u << 20;
    c->account_max = 256 << 10;
    c->slot_max = 1536 << 10;
    c->journal_max = 3 << 20;
    c->log_max = 2 << 20;
    c->account_index_max = 512 << 10;
    c->slot_index_max = 4 << 20;
    c->linear_sz = 64 << 20;
    hd_cuda_classes_layout(classes, 0);
}

#endif
