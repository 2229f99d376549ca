/* hd_rlp_stream.h - RLP lists one after the other in a file of any length, as in chain.rlp. */
#ifndef HD_RLP_STREAM_H
#define HD_RLP_STREAM_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"

typedef struct hd_rlp_stream hd_rlp_stream;

/* hd_rlp_stream_open: "-" is standard input. HD_ERR_ABSENT, HD_ERR_IO, HD_ERR_NOMEM, with msg. */
hd_err hd_rlp_stream_open(hd_rlp_stream **out, hd_msg *msg, const char *path);
void hd_rlp_stream_close(hd_rlp_stream *s); /* NULL is allowed */

/* hd_rlp_stream_next gives the next list, header included, valid until the next call, and where it
   begins in the file. HD_ERR_ABSENT at the end of the file; HD_ERR_FORMAT with file and place for
   what is no list, longer than sz_max, or cut off; HD_ERR_IO, HD_ERR_NOMEM. */
hd_err hd_rlp_stream_next(hd_span *out, uint64_t *off, hd_msg *msg, hd_rlp_stream *s,
                          uint64_t sz_max);

#endif
