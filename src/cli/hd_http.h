/* hd_http.h - one HTTP/1.1 request on a connected socket, bounded in size. */
#ifndef HD_HTTP_H
#define HD_HTTP_H

#include "base/hd_buf.h"

#define HD_HTTP_HEAD_SZ_MAX 16384u

typedef struct {
    char method[8]; /* "POST" */
    hd_buf body;
} hd_http_request;

/* hd_http_read reads one request with a body of at most body_sz_max bytes. Returns 200, or the
   status of the answer that it deserves (400, 411, 413, 417, 431, 501, 505), or 0 when the peer is
   gone. The caller bounds the time (alarm). */
int hd_http_read(hd_http_request *out, int fd, size_t body_sz_max);

/* hd_http_answer writes a JSON answer and ends the connection: the peer gets time to read it even
   when it is still sending. HD_ERR_IO when the peer is gone. */
hd_err hd_http_answer(int fd, int status, const void *json, size_t json_sz);

/* hd_http_error writes {"error": text} (text may hold anything) and a status. */
hd_err hd_http_error(int fd, int status, const char *text);

/* "Bad Request" and so on. */
const char *hd_http_reason(int status);

#endif
