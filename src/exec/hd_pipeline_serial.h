/* hd_pipeline_serial.h - a block of raw transactions on the host: what the pipeline falls back to,
   and what it is compared with. */
#ifndef HD_PIPELINE_SERIAL_H
#define HD_PIPELINE_SERIAL_H

#include "crypto/hd_recover.h"
#include "exec/hd_exec.h"
#include "exec/hd_pipeline.h"

/* hd_pipeline_serial decodes the block by hd_tx_decode, finds the senders, runs it by
   hd_exec_ordered on s over so many threads (0: all cores) and fills roots, bloom, gas, what was
   refused, recover_ns (decoding included) and execute_ns. s is changed only where nothing was
   refused; else it holds the effects of some of the block. HD_ERR_NOMEM; errors of hd_exec_ordered.
 */
hd_err hd_pipeline_serial(hd_pipeline_result *out, hd_state *s, hd_msg *msg,
                          const hd_pipeline_block *block, uint32_t threads);

/* The same by a handle of the host's that is there, and without the state's root. senders: of the
   transactions, where all are known to be valid and have one; NULL: they are recovered. */
hd_err hd_pipeline_serial_on(hd_pipeline_result *out, hd_exec *x, hd_state *s, hd_msg *msg,
                             const hd_pipeline_block *block, const hd_recover_result *senders);

#endif
