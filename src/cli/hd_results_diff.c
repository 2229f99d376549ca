/* hd_results_diff.c - compares two results of the same transaction. */
#include "cli/hd_results_diff.h"

#include <string.h>

#include "base/hd_buf.h"
#include "cli/hd_trace_json.h"

#define STEPS_SZ_MAX ((size_t)1 << 30) /* memory for the steps of a trace that is compared */

static int differ(hd_msg *msg, const char *field, uint64_t a, uint64_t b) {
    if (a == b)
        return 0;
    hd_msg_set(msg, "%s: %llu and %llu", field, (unsigned long long)a, (unsigned long long)b);
    return 1;
}

static int differ_bytes(hd_msg *msg, const char *what, size_t idx, const char *field, const void *a,
                        const void *b, size_t sz) {
    if (sz == 0 || memcmp(a, b, sz) == 0)
        return 0;
    hd_msg_set(msg, "%s %zu: %s differs", what, idx, field);
    return 1;
}

static int diff_account(hd_msg *msg, size_t i, const hd_account_diff *a, const hd_results *ra,
                        const hd_account_diff *b, const hd_results *rb) {
    const char *what = "account";
    if (differ_bytes(msg, what, i, "address", &a->addr, &b->addr, sizeof a->addr) ||
        differ_bytes(msg, what, i, "flags", &a->flags, &b->flags, sizeof a->flags) ||
        differ_bytes(msg, what, i, "original balance", &a->original_balance_wei,
                     &b->original_balance_wei, sizeof a->original_balance_wei) ||
        differ_bytes(msg, what, i, "original nonce", &a->original_nonce, &b->original_nonce,
                     sizeof a->original_nonce))
        return 1;
    if (a->flags & HD_DIFF_DELETED)
        return 0; /* other values mean nothing */
    if (differ_bytes(msg, what, i, "balance", &a->balance_wei, &b->balance_wei,
                     sizeof a->balance_wei) ||
        differ_bytes(msg, what, i, "nonce", &a->nonce, &b->nonce, sizeof a->nonce) ||
        differ_bytes(msg, what, i, "code hash", &a->code_hash, &b->code_hash, sizeof a->code_hash))
        return 1;
    if (!(a->flags & HD_DIFF_CODE))
        return 0;
    return differ_bytes(msg, what, i, "code size", &a->code_sz, &b->code_sz, sizeof a->code_sz) ||
           differ_bytes(msg, what, i, "code", ra->bytes + a->code_off, rb->bytes + b->code_off,
                        a->code_sz);
}

static int diff_slot(hd_msg *msg, size_t i, const hd_slot_diff *a, const hd_slot_diff *b) {
    return differ_bytes(msg, "slot", i, "account", &a->account_idx, &b->account_idx, 4) ||
           differ_bytes(msg, "slot", i, "key", &a->key, &b->key, sizeof a->key) ||
           differ_bytes(msg, "slot", i, "flags", &a->flags, &b->flags, sizeof a->flags) ||
           differ_bytes(msg, "slot", i, "original", &a->original, &b->original,
                        sizeof a->original) ||
           differ_bytes(msg, "slot", i, "value", &a->value, &b->value, sizeof a->value);
}

static int diff_log(hd_msg *msg, size_t i, const hd_log_entry *a, const hd_results *ra,
                    const hd_log_entry *b, const hd_results *rb) {
    return differ_bytes(msg, "log", i, "address", &a->addr, &b->addr, sizeof a->addr) ||
           differ_bytes(msg, "log", i, "topic count", &a->topic_cnt, &b->topic_cnt, 4) ||
           differ_bytes(msg, "log", i, "topics", a->topics, b->topics,
                        sizeof a->topics[0] * HD_MIN(a->topic_cnt, 4)) ||
           differ_bytes(msg, "log", i, "data size", &a->data_sz, &b->data_sz, 4) ||
           differ_bytes(msg, "log", i, "data", ra->bytes + a->data_off, rb->bytes + b->data_off,
                        a->data_sz);
}

int hd_results_diff(hd_msg *msg, const hd_results *ra, size_t ai, const hd_results *rb, size_t bi) {
    const hd_receipt *a = &ra->receipts[ai], *b = &rb->receipts[bi];
    if (differ(msg, "status", a->status, b->status) || differ(msg, "error", a->error, b->error) ||
        differ(msg, "gas used", a->gas_used, b->gas_used) ||
        differ(msg, "gas refund", a->gas_refund, b->gas_refund) ||
        differ(msg, "error pc", a->error_pc, b->error_pc) ||
        differ(msg, "work", a->work, b->work) || differ(msg, "flags", a->flags, b->flags) ||
        differ(msg, "output size", a->output_sz, b->output_sz) ||
        differ(msg, "account count", a->account_cnt, b->account_cnt) ||
        differ(msg, "slot count", a->slot_cnt, b->slot_cnt) ||
        differ(msg, "log count", a->log_cnt, b->log_cnt) ||
        differ_bytes(msg, "receipt", ai, "fee", &a->fee_wei, &b->fee_wei, sizeof a->fee_wei) ||
        differ_bytes(msg, "receipt", ai, "created", &a->created, &b->created, sizeof a->created) ||
        differ_bytes(msg, "receipt", ai, "output", ra->bytes + a->output_off,
                     rb->bytes + b->output_off, a->output_sz))
        return 1;
    for (uint32_t i = 0; i < a->account_cnt; i++)
        if (diff_account(msg, i, &ra->accounts[a->account_off + i], ra,
                         &rb->accounts[b->account_off + i], rb))
            return 1;
    for (uint32_t i = 0; i < a->slot_cnt; i++)
        if (diff_slot(msg, i, &ra->slots[a->slot_off + i], &rb->slots[b->slot_off + i]))
            return 1;
    for (uint32_t i = 0; i < a->log_cnt; i++)
        if (diff_log(msg, i, &ra->logs[a->log_off + i], ra, &rb->logs[b->log_off + i], rb))
            return 1;
    return 0;
}

/* --- traces */

typedef struct {
    uint64_t pc, gas, gas_cost, memory_sz, refund;
    uint32_t op, depth, stack_cnt, error;
    hd_u256 top; /* of the stack */
} step_note;

typedef struct {
    hd_buf notes;    /* step_note, of the first run */
    size_t idx;      /* next step of the second run */
    size_t diff_idx; /* SIZE_MAX: none */
    step_note other;
} step_log;

static step_note make_note(const hd_trace_step *s) {
    step_note n;
    memset(&n, 0, sizeof n);
    n.pc = s->pc;
    n.gas = s->gas;
    n.gas_cost = s->gas_cost;
    n.memory_sz = s->memory_sz;
    n.refund = s->refund;
    n.op = s->op;
    n.depth = s->depth;
    n.stack_cnt = s->stack_cnt;
    n.error = s->error;
    if (s->stack_cnt)
        n.top = s->stack[s->stack_cnt - 1];
    return n;
}

static void note_step(void *ctx, const hd_trace_step *s) {
    step_log *log = ctx;
    step_note n = make_note(s);
    if (log->notes.sz < STEPS_SZ_MAX)
        hd_buf_append(&log->notes, &n, sizeof n);
}

static void check_step(void *ctx, const hd_trace_step *s) {
    step_log *log = ctx;
    step_note n = make_note(s);
    size_t off = log->idx++ * sizeof n;
    if (log->diff_idx != SIZE_MAX)
        return;
    if (off + sizeof n > log->notes.sz || memcmp(log->notes.data + off, &n, sizeof n) != 0) {
        log->diff_idx = log->idx - 1;
        log->other = n;
    }
}

hd_err hd_trace_diff(hd_msg *msg, hd_exec *a, hd_exec *b, const hd_batch *batch) {
    hd_results results;
    step_log log;
    memset(&results, 0, sizeof results);
    memset(&log, 0, sizeof log);
    log.diff_idx = SIZE_MAX;
    hd_err err = hd_exec_trace(a, &results, batch, note_step, &log);
    if (err == HD_OK)
        err = hd_exec_trace(b, &results, batch, check_step, &log);
    if (err == HD_OK && log.diff_idx == SIZE_MAX && log.idx * sizeof(step_note) < log.notes.sz)
        hd_msg_set(msg, "the second trace ends after step %zu", log.idx);
    else if (err == HD_OK && log.diff_idx == SIZE_MAX)
        hd_msg_set(msg, "no step of the trace differs");
    else if (err == HD_OK)
        hd_msg_set(msg, "step %zu, depth %u, pc %llu, opcode 0x%x differs", log.diff_idx,
                   log.other.depth, (unsigned long long)log.other.pc, log.other.op);
    hd_buf_free(&log.notes);
    hd_results_free(&results);
    return err;
}
