/* hd_trace_cuda.cu - the core for the device with every step recorded: one lane, to find the first
   step in which it differs from the host. */
#include <cuda_runtime.h>
#include <stdlib.h>
#include <string.h>

#define HD_LANE_TILE 32
#define HD_CORE_GOTO 0
#define HD_CORE_TRACE 1
#define HD_CORE_RUN core_run_traced
#include "evm/hd_core.inc"

#include "exec/hd_trace_cuda.h"
#include "exec/hd_trace_step.inc"
#include "exec/hd_wave.inc"

/* Steps after which a launch ends at its next jump, and how many may follow until then. */
#define STEP_CNT 16384u
#define STEP_MAX (STEP_CNT + 65536u)

typedef struct {
    hd_trace_record *records;
    uint32_t cnt;      /* steps that ended */
    uint32_t has_step; /* records[cnt] has begun */
    uint32_t is_over;  /* more steps than there is room for */
    uint32_t reserved;
} trace_log;

struct hd_trace_cuda {
    trace_log *log;           /* on the device */
    hd_trace_record *records; /* on the device */
    hd_trace_record *host;
    hd_u256 stack[HD_EVM_STACK_MAX];
};

static __device__ void log_flush(trace_log *t, hd_vm *vm, uint64_t gas) {
    if (!t->has_step)
        return;
    hd_trace_record *r = &t->records[t->cnt];
    t->has_step = 0;
    t->cnt++;
    trace_settle(&r->gas_cost, &r->refund, &r->error, vm, r->op, r->gas, gas);
}

static HD_FN void hd_core_trace_step(hd_vm *vm, uint32_t pc, uint8_t op, int64_t gas) {
#if HD_ON_DEVICE
    trace_log *t = (trace_log *)vm->trace;
    if (vm->f.code_sz == 0)
        return;
    hd_trace_record *r = &t->records[t->cnt];
    if (t->has_step && trace_is_again(r->pc, r->gas, r->depth, r->op, vm, pc, op, gas))
        return;
    log_flush(t, vm, (uint64_t)gas);
    if (t->cnt >= STEP_CNT && vm->fuel > 0)
        vm->fuel = 0;
    if (t->cnt >= STEP_MAX) {
        t->is_over = 1;
        t->cnt = STEP_MAX - 1;
    }
    r = &t->records[t->cnt];
    r->stack_cnt = stack_cnt(vm);
    for (uint32_t i = 0; i < HD_TRACE_TOP_MAX; i++)
        r->top[i] = i < r->stack_cnt ? hd_word_get(vm->sp - (size_t)(2 * (i + 1)) * HD_LANE_STEP)
                                     : hd_u256_zero();
    r->pc = pc;
    r->gas = (uint64_t)gas;
    r->refund = trace_refund(vm);
    r->memory_sz = vm->f.mem_sz;
    r->depth = vm->s.depth + 1;
    r->op = op;
    t->has_step = 1;
#else
    (void)vm, (void)pc, (void)op, (void)gas;
#endif
}

static __global__ void trace_step(const __grid_constant__ wave_args w, trace_log *t, int is_new,
                                  int64_t fuel) {
    hd_vm vm;
    if (is_new)
        t->has_step = t->is_over = 0;
    if (t->has_step)
        t->records[0] = t->records[t->cnt];
    t->cnt = 0;
    wave_bind(&vm, &w, 0);
    vm.trace = t;
    wave_step_lane(&vm, &w, 0, is_new, fuel);
    if (vm.s.stop == HD_STOP_DONE)
        log_flush(t, &vm, (uint64_t)vm.f.gas);
}

extern "C" hd_err hd_trace_cuda_open(hd_trace_cuda **out) {
    hd_trace_cuda *t = (hd_trace_cuda *)calloc(1, sizeof(*t));
    if (!t)
        return HD_ERR_NOMEM;
    t->host = (hd_trace_record *)malloc(STEP_MAX * sizeof(*t->host));
    trace_log log;
    memset(&log, 0, sizeof(log));
    hd_err err = t->host ? HD_OK : HD_ERR_NOMEM;
    if (err == HD_OK &&
        (cudaMalloc((void **)&t->log, sizeof(log)) != cudaSuccess ||
         cudaMalloc((void **)&t->records, STEP_MAX * sizeof(*t->records)) != cudaSuccess))
        err = HD_ERR_NOMEM;
    log.records = t->records;
    if (err == HD_OK &&
        cudaMemcpy(t->log, &log, sizeof(log), cudaMemcpyHostToDevice) != cudaSuccess)
        err = HD_ERR_DEVICE;
    if (err != HD_OK) {
        hd_trace_cuda_close(t);
        return err;
    }
    *out = t;
    return HD_OK;
}

extern "C" void hd_trace_cuda_close(hd_trace_cuda *t) {
    if (!t)
        return;
    cudaFree(t->log);
    cudaFree(t->records);
    free(t->host);
    free(t);
}

static void give_step(hd_trace_cuda *t, const hd_trace_record *r, hd_trace_fn fn, void *ctx) {
    hd_trace_step s;
    memset(&s, 0, sizeof(s));
    s.stack_cnt = r->stack_cnt <= HD_EVM_STACK_MAX ? r->stack_cnt : HD_EVM_STACK_MAX;
    memset(t->stack, 0, (size_t)s.stack_cnt * sizeof(t->stack[0]));
    for (uint32_t i = 0; i < HD_TRACE_TOP_MAX && i < s.stack_cnt; i++)
        t->stack[s.stack_cnt - 1 - i] = r->top[i];
    s.stack = t->stack;
    s.pc = r->pc;
    s.gas = r->gas;
    s.gas_cost = r->gas_cost;
    s.refund = r->refund;
    s.memory_sz = r->memory_sz;
    s.depth = r->depth;
    s.op = r->op;
    s.error = r->error;
    fn(ctx, &s);
}

extern "C" hd_err hd_trace_cuda_step(hd_trace_cuda *t, const void *wave, int is_new, int64_t fuel,
                                     hd_trace_fn fn, void *ctx, void *stream) {
    trace_log log;
    trace_step<<<1, 1, 0, (cudaStream_t)stream>>>(*(const wave_args *)wave, t->log, is_new, fuel);
    if (cudaGetLastError() != cudaSuccess ||
        cudaStreamSynchronize((cudaStream_t)stream) != cudaSuccess ||
        cudaMemcpy(&log, t->log, sizeof(log), cudaMemcpyDeviceToHost) != cudaSuccess)
        return HD_ERR_DEVICE;
    if (log.is_over)
        return HD_ERR_LIMIT;
    if (cudaMemcpy(t->host, t->records, log.cnt * sizeof(*t->host), cudaMemcpyDeviceToHost) !=
        cudaSuccess)
        return HD_ERR_DEVICE;
    for (uint32_t i = 0; i < log.cnt; i++)
        give_step(t, &t->host[i], fn, ctx);
    return HD_OK;
}
