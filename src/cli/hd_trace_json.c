/* hd_trace_json.c - writes EIP-3155 lines. */
#include "cli/hd_trace_json.h"

#include <stdio.h>

#include "base/hd_hex.h"
#include "evm/hd_opcodes.h"

const char *hd_opcode_name(uint32_t op) {
    switch (op) {
#define HD_X(byte, name, gas, pops, pushes, fork) \
    case byte: return #name;
        HD_EVM_OPS(HD_X)
#undef HD_X
#define HD_X(byte, name, n) \
    case byte: return #name;
        HD_EVM_PUSHES(HD_X)
        HD_EVM_DUPS(HD_X)
        HD_EVM_SWAPS(HD_X)
#undef HD_X
    default: return NULL;
    }
}

/* Words that an opcode takes and leaves; 0 where none is defined. */
static int find_stack_use(uint32_t *pops, uint32_t *pushes, uint32_t op) {
    switch (op) {
#define HD_X(byte, name, gas, pop_cnt, push_cnt, fork) \
    case byte: *pops = pop_cnt, *pushes = push_cnt; return 1;
        HD_EVM_OPS(HD_X)
#undef HD_X
#define HD_X(byte, name, n) \
    case byte: *pops = 0, *pushes = 1; return 1;
        HD_EVM_PUSHES(HD_X)
#undef HD_X
#define HD_X(byte, name, n) \
    case byte: *pops = (n), *pushes = (n) + 1; return 1;
        HD_EVM_DUPS(HD_X)
#undef HD_X
#define HD_X(byte, name, n) \
    case byte: *pops = *pushes = (n) + 1; return 1;
        HD_EVM_SWAPS(HD_X)
#undef HD_X
    default: *pops = *pushes = 0; return 0;
    }
}

/* go-ethereum shows the constant gas of an instruction that finds the stack wrong. */
static uint64_t cost_of(const hd_trace_step *step) {
    if (step->error != HD_EVM_ERR_STACK_UNDERFLOW && step->error != HD_EVM_ERR_STACK_OVERFLOW)
        return step->gas_cost;
    switch (step->op) {
#define HD_X(byte, name, gas, pops, pushes, fork) \
    case byte: return gas;
        HD_EVM_OPS(HD_X)
#undef HD_X
    default: return 3; /* PUSH, DUP, SWAP */
    }
}

static void append_op(hd_buf *out, uint32_t op) {
    const char *name = hd_opcode_name(op);
    if (name)
        hd_buf_append_str(out, name);
    else
        hd_buf_printf(out, "opcode 0x%x not defined", op);
}

/* ,"error":"..." in go-ethereum's words; the stack is the one before the instruction. */
static void append_error(hd_buf *out, uint32_t error, uint32_t op, uint32_t stack_cnt) {
    uint32_t pops, pushes;
    int is_known = find_stack_use(&pops, &pushes, op);
    hd_buf_append_str(out, ",\"error\":\"");
    if (error == HD_EVM_ERR_STACK_UNDERFLOW && is_known) {
        hd_buf_printf(out, "stack underflow (%u <=> %u)", stack_cnt, pops);
    } else if (error == HD_EVM_ERR_STACK_OVERFLOW && is_known) {
        hd_buf_printf(out, "stack limit reached %u (%u)", stack_cnt,
                      HD_EVM_STACK_MAX + pops - pushes);
    } else {
        hd_buf_append_str(out, hd_evm_error_name(error));
        if (error == HD_EVM_ERR_BAD_OPCODE) {
            hd_buf_append_str(out, ": ");
            append_op(out, op);
        }
    }
    hd_buf_append_byte(out, '"');
}

/* What go-ethereum has taken off the stack when an instruction finds that it fails. */
static uint32_t fault_pops(const hd_trace_step *step) {
    uint32_t pops = 0, pushes;
    int is_before = step->fault == HD_EVM_ERR_BAD_OPCODE ||
                    (step->fault == HD_EVM_ERR_STATIC_WRITE && step->op != HD_OP_CALL);
    if (!is_before)
        find_stack_use(&pops, &pushes, step->op);
    return HD_MIN(pops, step->stack_cnt);
}

static void append_line(hd_buf *out, const hd_trace_step *step, uint32_t flags, uint32_t error,
                        int is_fault) {
    uint32_t stack_cnt = step->stack_cnt - (is_fault ? fault_pops(step) : 0);
    uint64_t memory_sz = is_fault ? step->fault_memory_sz : step->memory_sz;
    hd_buf_printf(out, "{\"pc\":%llu,\"op\":%u,\"gas\":\"0x%llx\",\"gasCost\":\"0x%llx\",",
                  (unsigned long long)step->pc, step->op, (unsigned long long)step->gas,
                  (unsigned long long)cost_of(step));
    if ((flags & HD_TRACE_MEMORY) && memory_sz && (step->memory || !step->memory_sz)) {
        uint64_t sz = HD_MIN(step->memory_sz, memory_sz);
        hd_buf_append_str(out, "\"memory\":\"0x");
        if (sz)
            hd_buf_append_hex(out, step->memory, sz);
        for (; sz < memory_sz; sz++) /* what a failed instruction added is empty */
            hd_buf_append_str(out, "00");
        hd_buf_append_str(out, "\",");
    }
    hd_buf_printf(out, "\"memSize\":%llu,\"stack\":", (unsigned long long)memory_sz);
    if (flags & HD_TRACE_NO_STACK) {
        hd_buf_append_str(out, "null,");
    } else {
        hd_buf_append_byte(out, '[');
        for (uint32_t i = 0; i < stack_cnt; i++) {
            uint8_t be[32];
            char text[2 * 32 + 3];
            hd_u256_store_be(be, step->stack[i]);
            hd_hex_write_num(text, sizeof text, be, sizeof be);
            hd_buf_append_str(out, i ? ",\"" : "\"");
            hd_buf_append_str(out, text);
            hd_buf_append_byte(out, '"');
        }
        hd_buf_append_str(out, "],");
    }
    if ((flags & HD_TRACE_RETURN_DATA) && step->return_data && !is_fault) {
        hd_buf_append_str(out, "\"returnData\":\"0x");
        hd_buf_append_hex(out, step->return_data, step->return_data_sz);
        hd_buf_append_str(out, "\",");
    }
    hd_buf_printf(out, "\"depth\":%u,\"refund\":%llu,\"opName\":\"", step->depth,
                  (unsigned long long)step->refund);
    append_op(out, step->op);
    hd_buf_append_byte(out, '"');
    if (error)
        append_error(out, error, step->op, step->stack_cnt);
    hd_buf_append_str(out, "}\n");
}

void hd_trace_json_step(hd_buf *out, const hd_trace_step *step, uint32_t flags) {
    append_line(out, step, flags, step->fault ? 0 : step->error, 0);
    if (step->fault)
        append_line(out, step, flags, step->fault, 1);
}

static void append_frame_end(hd_buf *out, const hd_trace_frame *frame) {
    hd_buf_append_str(out, "{\"output\":\"");
    if (frame->data_sz)
        hd_buf_append_hex(out, frame->data, frame->data_sz);
    hd_buf_printf(out, "\",\"gasUsed\":\"0x%llx\"", (unsigned long long)frame->gas);
    if (frame->error)
        append_error(out, frame->error, frame->error_op, frame->stack_cnt);
    hd_buf_append_str(out, "}\n");
}

void hd_trace_json_frame(hd_buf *out, const hd_trace_frame *frame, uint32_t flags) {
    if (frame->is_end) {
        append_frame_end(out, frame);
        return;
    }
    uint8_t be[32];
    char text[2 * 32 + 3];
    hd_buf_append_str(out, "{\"from\":\"0x");
    hd_buf_append_hex(out, frame->from.b, sizeof frame->from.b);
    hd_buf_append_str(out, "\",\"to\":\"0x");
    hd_buf_append_hex(out, frame->to.b, sizeof frame->to.b);
    hd_buf_append_byte(out, '"');
    if ((flags & HD_TRACE_MEMORY) && frame->data_sz) {
        hd_buf_append_str(out, ",\"input\":\"0x");
        hd_buf_append_hex(out, frame->data, frame->data_sz);
        hd_buf_append_byte(out, '"');
    }
    hd_buf_printf(out, ",\"gas\":\"0x%llx\",\"value\":", (unsigned long long)frame->gas);
    if (frame->op == HD_OP_STATICCALL) {
        hd_buf_append_str(out, "null");
    } else {
        hd_u256_store_be(be, frame->value);
        hd_hex_write_num(text, sizeof text, be, sizeof be);
        hd_buf_printf(out, "\"%s\"", text);
    }
    hd_buf_append_str(out, ",\"type\":\"");
    append_op(out, frame->op);
    hd_buf_append_str(out, "\"}\n");
}

uint32_t hd_trace_batch_flags(uint32_t flags) {
    return (flags & HD_TRACE_MEMORY ? HD_BATCH_TRACE_MEMORY : 0) |
           (flags & HD_TRACE_RETURN_DATA ? HD_BATCH_TRACE_RETURN_DATA : 0) |
           (flags & (HD_TRACE_FRAMES | HD_TRACE_END) ? HD_BATCH_TRACE_FRAMES : 0);
}

void hd_trace_json_end(hd_buf *out, const hd_receipt *r, const uint8_t *bytes) {
    hd_buf_append_str(out, "{\"output\":\"");
    if (r->output_sz)
        hd_buf_append_hex(out, bytes + r->output_off, r->output_sz);
    hd_buf_printf(out, "\",\"gasUsed\":\"0x%llx\"", (unsigned long long)r->gas_used);
    if (r->status == HD_TX_HALT)
        hd_buf_printf(out, ",\"error\":\"%s\"", hd_evm_error_name(r->error));
    else if (r->status != HD_TX_SUCCESS)
        hd_buf_printf(out, ",\"error\":\"%s\"", hd_tx_status_name(r->status));
    hd_buf_append_str(out, "}\n");
}

void hd_trace_to_file(void *ctx, const hd_trace_step *step) {
    hd_trace_file *t = ctx;
    const hd_trace_frame *frame = step->frame;
    hd_buf_clear(&t->line);
    if (!frame)
        hd_trace_json_step(&t->line, step, t->flags);
    else if (t->flags & HD_TRACE_FRAMES || (frame->is_end && frame->depth == 0))
        hd_trace_json_frame(&t->line, frame, t->flags);
    t->err = t->err != HD_OK ? t->err : t->line.err;
    if (t->line.sz)
        fwrite(t->line.data, 1, t->line.sz, t->file);
}
