/* hd_trace_json.h - steps of an execution as EIP-3155 JSON lines. */
#ifndef HD_TRACE_JSON_H
#define HD_TRACE_JSON_H

#include "base/hd_buf.h"
#include "exec/hd_exec.h"

#define HD_TRACE_NO_STACK 1u /* leave "stack" out */
#define HD_TRACE_MEMORY 2u   /* "memory" where it is not empty; wants HD_BATCH_TRACE_MEMORY */

/* hd_trace_json_step appends one line (with its newline) in go-ethereum's order of members. */
void hd_trace_json_step(hd_buf *out, const hd_trace_step *step, uint32_t flags);

/* hd_trace_json_end appends the summary line {"output","gasUsed","error"?} of a receipt. */
void hd_trace_json_end(hd_buf *out, const hd_receipt *r, const uint8_t *bytes);

/* hd_trace_to_file is a hd_trace_fn: ctx is a hd_trace_file. */
typedef struct {
    void *file; /* FILE */
    hd_buf line;
    uint32_t flags;
} hd_trace_file;
void hd_trace_to_file(void *ctx, const hd_trace_step *step);

/* The name of an opcode, NULL where none is defined. */
const char *hd_opcode_name(uint32_t op);

#endif
