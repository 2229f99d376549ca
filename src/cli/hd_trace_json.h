/* hd_trace_json.h - steps of an execution as EIP-3155 JSON lines. */
#ifndef HD_TRACE_JSON_H
#define HD_TRACE_JSON_H

#include "base/hd_buf.h"
#include "exec/hd_exec.h"

#define HD_TRACE_NO_STACK 1u    /* "stack" is null */
#define HD_TRACE_MEMORY 2u      /* "memory" where it is not empty, and "input" of frames */
#define HD_TRACE_RETURN_DATA 4u /* "returnData" where it is not empty */
#define HD_TRACE_FRAMES 8u      /* a line where a call, creation or selfdestruct begins or ends */
#define HD_TRACE_END 16u        /* of frames the end of the outermost alone: the summary line */

/* hd_trace_batch_flags: the HD_BATCH_... that a run needs for these. */
uint32_t hd_trace_batch_flags(uint32_t flags);

/* hd_trace_json_step appends one line (with its newline) in go-ethereum's order of members; two
   where the instruction failed after it was paid for: go-ethereum then writes the step again, with
   the operands taken off and with "error". */
void hd_trace_json_step(hd_buf *out, const hd_trace_step *step, uint32_t flags);

/* hd_trace_json_frame appends the line of a beginning ({"from","to","input"?,"gas","value","type"})
   or of an end ({"output","gasUsed","error"?}). */
void hd_trace_json_frame(hd_buf *out, const hd_trace_frame *frame, uint32_t flags);

/* hd_trace_json_end appends the summary line {"output","gasUsed","error"?} of a receipt. */
void hd_trace_json_end(hd_buf *out, const hd_receipt *r, const uint8_t *bytes);

/* hd_trace_to_file is a hd_trace_fn: ctx is a hd_trace_file. */
typedef struct {
    void *file; /* FILE */
    hd_buf line;
    uint32_t flags;
    hd_err err; /* of making a line; a failed write is the file's own */
} hd_trace_file;
void hd_trace_to_file(void *ctx, const hd_trace_step *step);

/* The name of an opcode, NULL where none is defined. */
const char *hd_opcode_name(uint32_t op);

#endif
