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

void hd_trace_json_step(hd_buf *out, const hd_trace_step *step, uint32_t flags) {
    const char *name = hd_opcode_name(step->op);
    hd_buf_printf(out, "{\"pc\":%llu,\"op\":%u,\"gas\":\"0x%llx\",\"gasCost\":\"0x%llx\",",
                  (unsigned long long)step->pc, step->op, (unsigned long long)step->gas,
                  (unsigned long long)step->gas_cost);
    if ((flags & HD_TRACE_MEMORY) && step->memory && step->memory_sz) {
        hd_buf_append_str(out, "\"memory\":\"0x");
        hd_buf_append_hex(out, step->memory, step->memory_sz);
        hd_buf_append_str(out, "\",");
    }
    hd_buf_printf(out, "\"memSize\":%llu,", (unsigned long long)step->memory_sz);
    if (!(flags & HD_TRACE_NO_STACK)) {
        hd_buf_append_str(out, "\"stack\":[");
        for (uint32_t i = 0; i < step->stack_cnt; i++) {
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
    hd_buf_printf(out, "\"depth\":%u,\"refund\":%llu,\"opName\":\"", step->depth,
                  (unsigned long long)step->refund);
    if (name)
        hd_buf_append_str(out, name);
    else
        hd_buf_printf(out, "opcode 0x%x not defined", step->op);
    hd_buf_append_byte(out, '"');
    if (step->error)
        hd_buf_printf(out, ",\"error\":\"%s\"", hd_evm_error_name(step->error));
    hd_buf_append_str(out, "}\n");
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
    hd_buf_clear(&t->line);
    hd_trace_json_step(&t->line, step, t->flags);
    fwrite(t->line.data, 1, t->line.sz, t->file);
}
