/* fuzz_http.c - the t8n server's HTTP reader: the same request in one piece or in many gets the
   same answer, and a body never has more bytes than were announced or allowed. */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "cli/hd_http.h"

#define STREAM_SZ_MAX 8192u /* fits the socket's buffer, and no piece is larger than a read */
#define BODY_SZ_MAX 2048u

/* Packets, not a stream, so that each read gets one piece. */
static int read_pieces(hd_http_request *out, const uint8_t *data, size_t sz, uint32_t choices) {
    int fds[2];
    HD_FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
    for (size_t off = 0; off < sz;) {
        size_t piece = choices ? 1 + (choices & 63) * (choices >> 6 & 15) : sz;
        if (off > sz / 2) /* not too many pieces: the kernel counts each as a large one */
            piece = HD_MAX(piece, 256u);
        piece = HD_MIN(HD_MAX(piece, sz / 64 + 1), sz - off);
        HD_FUZZ_CHECK(send(fds[0], data + off, piece, MSG_NOSIGNAL) == (ssize_t)piece);
        off += piece;
        choices = choices >> 5 | choices << 27;
    }
    shutdown(fds[0], SHUT_WR);
    memset(out, 0, sizeof *out);
    int status = hd_http_read(out, fds[1], BODY_SZ_MAX);
    close(fds[0]);
    close(fds[1]);
    return status;
}

void hd_fuzz_http(const uint8_t *data, size_t sz) {
    hd_fuzz_in in = {data, sz};
    uint32_t choices = hd_fuzz_u16(&in) * 0x10001u;
    hd_http_request whole, pieces;
    in.sz = HD_MIN(in.sz, STREAM_SZ_MAX);
    int status = read_pieces(&whole, in.data, in.sz, 0);
    int status_pieces = read_pieces(&pieces, in.data, in.sz, choices | 1);
    HD_FUZZ_CHECK(status == 0 || strcmp(hd_http_reason(status), hd_http_reason(500)) != 0);
    HD_FUZZ_CHECK(status == status_pieces);
    if (status == 200) {
        HD_FUZZ_CHECK(strlen(whole.method) < sizeof whole.method);
        HD_FUZZ_CHECK(strcmp(whole.method, pieces.method) == 0);
        HD_FUZZ_CHECK(whole.body.sz <= BODY_SZ_MAX && whole.body.sz <= in.sz);
        HD_FUZZ_CHECK(whole.body.sz == pieces.body.sz);
        HD_FUZZ_CHECK(whole.body.sz == 0 ||
                      memcmp(whole.body.data, pieces.body.data, whole.body.sz) == 0);
    }
    hd_buf_free(&whole.body);
    hd_buf_free(&pieces.body);
}
