/* hd_binding_traced.c - the core for the CPU with every step reported (EIP-3155). */
#define HD_LANE_TILE 1
#define HD_CORE_GOTO 1
#define HD_CORE_TRACE 1
#define HD_CORE_RUN core_run
#define HD_BINDING_NAME hd_binding_traced

#include <stdlib.h>
#include <string.h>

#include "base/hd_buf.h"
#include "exec/hd_binding.h"

struct hd_vm;

/* The step that has begun and is reported when the next one begins. */
typedef struct {
    struct hd_vm *vm;
    const hd_binding_job *job;
    hd_trace_step step;
    hd_u256 stack[1024];
    hd_buf memory;      /* with HD_BATCH_TRACE_MEMORY */
    hd_buf return_data; /* with HD_BATCH_TRACE_RETURN_DATA */
    hd_err err;         /* of growing them */
    uint32_t has_step;
    uint32_t is_open; /* the outermost frame has begun */
    uint32_t depth;   /* frames that have begun and not ended */
    uint64_t gas[HD_EVM_DEPTH_MAX + 3];
} trace_state;

static void trace_begin(trace_state *t, struct hd_vm *vm, const hd_binding_job *job);
static void trace_end(trace_state *t);
static void trace_free(trace_state *t);

#include "exec/hd_binding.inc"
#include "exec/hd_trace_step.inc"

static void trace_begin(trace_state *t, struct hd_vm *vm, const hd_binding_job *job) {
    t->vm = vm;
    t->job = job;
    memset(&t->step, 0, sizeof t->step);
    memset(&t->memory, 0, sizeof t->memory);
    memset(&t->return_data, 0, sizeof t->return_data);
    t->has_step = t->is_open = t->depth = 0;
    t->err = HD_OK;
    vm->trace = t;
}

static void trace_free(trace_state *t) {
    hd_buf_free(&t->memory);
    hd_buf_free(&t->return_data);
    t->vm->trace = NULL;
}

/* A copy of bytes of the lane; after a failure, which ends the run, NULL. */
static const uint8_t *trace_copy(trace_state *t, hd_buf *buf, const uint8_t *data, size_t sz) {
    hd_buf_clear(buf);
    hd_err err = hd_buf_append(buf, data, sz);
    if (err != HD_OK)
        t->err = err;
    return err == HD_OK ? buf->data : NULL;
}

/* Errors that go-ethereum meets while it executes an instruction, after it has paid for it. */
static int is_fault(uint32_t error) {
    return error == HD_EVM_ERR_BAD_JUMP || error == HD_EVM_ERR_BAD_OPCODE ||
           error == HD_EVM_ERR_STATIC_WRITE || error == HD_EVM_ERR_RETURNDATA_BOUNDS ||
           error == HD_EVM_ERR_REVERTED;
}

static void trace_flush(trace_state *t, uint64_t gas) {
    if (!t->has_step)
        return;
    t->has_step = 0;
    t->step.fault = is_fault(t->vm->step_error) ? t->vm->step_error : 0;
    t->step.fault_memory_sz = t->vm->f.mem_sz;
    trace_settle(&t->step.gas_cost, &t->step.refund, &t->step.error, t->vm, t->step.op, t->step.gas,
                 gas);
    t->job->trace(t->job->trace_ctx, &t->step);
}

/* ---- frames ---- */

static void give_frame(trace_state *t, const hd_trace_frame *frame) {
    if (!(t->job->batch->flags & HD_BATCH_TRACE_FRAMES))
        return;
    hd_trace_step step;
    memset(&step, 0, sizeof step);
    step.frame = frame;
    t->job->trace(t->job->trace_ctx, &step);
}

static void give_begin(trace_state *t, hd_trace_frame *frame) {
    frame->depth = t->depth;
    if (t->depth < sizeof t->gas / sizeof t->gas[0])
        t->gas[t->depth] = frame->gas;
    t->depth++;
    give_frame(t, frame);
}

static void give_end(trace_state *t, uint32_t error, size_t data_sz, uint64_t gas) {
    hd_trace_frame frame;
    memset(&frame, 0, sizeof frame);
    HD_ASSERT(t->depth > 0);
    t->depth--;
    if (t->depth < sizeof t->gas / sizeof t->gas[0])
        frame.gas = t->gas[t->depth] - gas;
    frame.data = t->vm->ret;
    frame.data_sz = data_sz;
    frame.depth = t->depth;
    frame.is_end = 1;
    frame.error = error;
    frame.error_op = t->step.op;
    frame.stack_cnt = t->step.stack_cnt;
    give_frame(t, &frame);
}

/* The transaction's own frame begins in tx_begin, which may be begun again: it is reported with
   what comes first in it. */
static void trace_open(trace_state *t) {
    const hd_vm *vm = t->vm;
    if (t->is_open)
        return;
    t->is_open = 1;
    hd_trace_frame frame;
    memset(&frame, 0, sizeof frame);
    uint64_t intrinsic = 0, floor = 0;
    uint32_t addr[5];
    if (!(vm->tx->flags & HD_TX_SKIP_CHECKS))
        tx_gas(&intrinsic, &floor, vm);
    frame.from = vm->tx->sender;
    frame.to = vm->tx->to;
    if (vm->tx->flags & HD_TX_CREATE) {
        account_addr(addr, account_ptr(vm, vm->f.self_idx));
        hd_addr_to_wire(&frame.to, addr);
    }
    frame.op = vm->tx->flags & HD_TX_CREATE ? HD_OP_CREATE : HD_OP_CALL;
    frame.value = vm->tx->value_wei;
    frame.gas = vm->tx->gas_limit - intrinsic;
    frame.data = vm->data + vm->tx->data_off;
    frame.data_sz = vm->tx->data_sz;
    give_begin(t, &frame);
}

static void hd_core_trace_enter(hd_vm *vm, const hd_core_frame *core) {
    trace_state *t = vm->trace;
    hd_trace_frame frame;
    uint32_t addr[5];
    trace_open(t);
    trace_flush(t, (uint64_t)vm->f.gas);
    memset(&frame, 0, sizeof frame);
    account_addr(addr, account_ptr(vm, vm->f.self_idx));
    hd_addr_to_wire(&frame.from, addr);
    hd_addr_to_wire(&frame.to, core->to);
    frame.op = core->op;
    frame.value = core->value;
    frame.gas = (uint64_t)core->gas;
    frame.data = core->data;
    frame.data_sz = core->data_sz;
    give_begin(t, &frame);
}

static void hd_core_trace_exit(hd_vm *vm, uint32_t error, uint32_t data_sz, int64_t gas) {
    trace_state *t = vm->trace;
    trace_open(t);
    trace_flush(t, (uint64_t)vm->f.gas);
    give_end(t, error, data_sz, (uint64_t)gas);
}

/* A creation that collides ends before its frame runs; what did not end (a limit) has no end. */
static void trace_end(trace_state *t) {
    uint32_t status = t->vm->s.status;
    trace_flush(t, (uint64_t)t->vm->f.gas);
    if (t->is_open || (status != HD_TX_SUCCESS && status != HD_TX_REVERT && status != HD_TX_HALT))
        return;
    trace_open(t);
    give_end(t, t->vm->s.error, 0, 0);
}

/* ---- steps ---- */

static void hd_core_trace_step(hd_vm *vm, uint32_t pc, uint8_t op, int64_t gas) {
    trace_state *t = vm->trace;
    uint32_t flags = t->job->batch->flags;
    trace_open(t);
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
    t->step.memory = flags & HD_BATCH_TRACE_MEMORY
                         ? trace_copy(t, &t->memory, vm->mem + vm->f.mem_base, vm->f.mem_sz)
                         : NULL;
    t->step.return_data_sz = flags & HD_BATCH_TRACE_RETURN_DATA ? vm->s.ret_sz : 0;
    t->step.return_data =
        t->step.return_data_sz ? trace_copy(t, &t->return_data, vm->ret, vm->s.ret_sz) : NULL;
    t->step.depth = vm->s.depth + 1;
    t->step.op = op;
    t->step.error = 0;
    t->has_step = 1;
}
