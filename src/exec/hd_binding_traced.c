/* hd_binding_traced.c - the core for the CPU with every step reported (EIP-3155). */
#define HD_LANE_TILE 1
#define HD_CORE_GOTO 1
#define HD_CORE_TRACE 1
#define HD_CORE_RUN core_run
#define HD_BINDING_NAME hd_binding_traced

#include <stdlib.h>
#include <string.h>

#include "exec/hd_binding.h"

struct hd_vm;

/* The step that has begun and is reported when the next one begins. */
typedef struct {
    struct hd_vm *vm;
    const hd_binding_job *job;
    hd_trace_step step;
    hd_u256 stack[1024];
    uint8_t *memory; /* grows; only with HD_BATCH_TRACE_MEMORY */
    size_t memory_max;
    hd_err err; /* of growing it */
    uint32_t has_step;
} trace_state;

static void trace_begin(trace_state *t, struct hd_vm *vm, const hd_binding_job *job);
static void trace_end(trace_state *t);
static void trace_free(trace_state *t);

#include "exec/hd_binding.inc"
#include "exec/hd_trace_step.inc"

static void trace_begin(trace_state *t, struct hd_vm *vm, const hd_binding_job *job) {
    t->vm = vm;
    t->job = job;
    t->has_step = 0;
    t->memory = NULL;
    t->memory_max = 0;
    t->err = HD_OK;
    vm->trace = t;
}

static void trace_free(trace_state *t) {
    free(t->memory);
    t->vm->trace = NULL;
}

/* The memory of the frame as it is now. After a failure, which ends the run, NULL. */
static const uint8_t *trace_memory(trace_state *t) {
    const hd_vm *vm = t->vm;
    size_t sz = vm->f.mem_sz;
    if (sz > t->memory_max) {
        size_t want = HD_MAX(sz, 2 * t->memory_max);
        uint8_t *p = realloc(t->memory, want);
        if (!p) {
            t->err = HD_ERR_NOMEM;
            return NULL;
        }
        t->memory = p;
        t->memory_max = want;
    }
    if (sz)
        memcpy(t->memory, vm->mem + vm->f.mem_base, sz);
    return t->memory;
}

static void trace_flush(trace_state *t, uint64_t gas) {
    if (!t->has_step)
        return;
    t->has_step = 0;
    trace_settle(&t->step.gas_cost, &t->step.refund, &t->step.error, t->vm, t->step.op, t->step.gas,
                 gas);
    t->job->trace(t->job->trace_ctx, &t->step);
}

static void trace_end(trace_state *t) { trace_flush(t, (uint64_t)t->vm->f.gas); }

static void hd_core_trace_step(hd_vm *vm, uint32_t pc, uint8_t op, int64_t gas) {
    trace_state *t = vm->trace;
    if (vm->f.code_sz == 0)
        return; /* an account without code takes no step, as go-ethereum prints it */
    if (t->has_step &&
        trace_is_again(t->step.pc, t->step.gas, t->step.depth, t->step.op, vm, pc, op, gas))
        return;
    trace_flush(t, (uint64_t)gas);
    t->step.stack_cnt = stack_cnt(vm);
    memcpy(t->stack, vm->sb, (size_t)t->step.stack_cnt * 32);
    t->step.stack = t->stack;
    t->step.pc = pc;
    t->step.gas = (uint64_t)gas;
    t->step.gas_cost = 0;
    t->step.refund = trace_refund(vm);
    t->step.memory_sz = vm->f.mem_sz;
    t->step.memory = t->job->batch->flags & HD_BATCH_TRACE_MEMORY ? trace_memory(t) : NULL;
    t->step.depth = vm->s.depth + 1;
    t->step.op = op;
    t->step.error = 0;
    t->has_step = 1;
}
