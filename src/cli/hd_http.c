/* hd_http.c - one HTTP/1.1 request on a connected socket, bounded in size. */
#define _GNU_SOURCE /* memmem */
#include "cli/hd_http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "cli/hd_cli.h"

#define LINGER_MS 1000            /* how long a peer that still sends may take to read its answer */
#define LINGER_SZ_MAX (64u << 20) /* what is thrown away meanwhile */

const char *hd_http_reason(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
    }
}

/* ---- reading ---- */

static ssize_t receive(int fd, void *buf, size_t sz) {
    ssize_t got;
    do
        got = recv(fd, buf, sz, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

static hd_err send_all(int fd, const void *data, size_t sz) {
    const uint8_t *p = data;
    while (sz > 0) {
        ssize_t sent = send(fd, p, sz, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return HD_ERR_IO;
        p += sent;
        sz -= (size_t)sent;
    }
    return HD_OK;
}

/* read_head reads up to the empty line. head is a text then; what came behind it goes to rest. */
static int read_head(char head[HD_HTTP_HEAD_SZ_MAX + 1], hd_buf *rest, int fd) {
    size_t sz = 0;
    for (;;) {
        if (sz == HD_HTTP_HEAD_SZ_MAX)
            return 431;
        ssize_t got = receive(fd, head + sz, HD_HTTP_HEAD_SZ_MAX - sz);
        if (got <= 0)
            return 0;
        size_t from = sz > 3 ? sz - 3 : 0;
        sz += (size_t)got;
        head[sz] = 0;
        char *end = memmem(head + from, sz - from, "\r\n\r\n", 4);
        /* The body may hold anything, the head no NUL: what follows takes it for a text. */
        if (memchr(head + from, 0, (end ? (size_t)(end - head) : sz) - from))
            return 400;
        if (end) {
            size_t head_sz = (size_t)(end - head) + 4;
            if (hd_buf_append(rest, head + head_sz, sz - head_sz) != HD_OK)
                return 413;
            end[2] = 0; /* every line ends with \r\n */
            return 200;
        }
    }
}

/* read_length reads decimal digits alone; 0 when there is anything else or too much of it. */
static int read_length(size_t *out, const char *text) {
    size_t x = 0, digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 15 || text[digits + strspn(text + digits, " \t")] != 0)
        return 0;
    for (size_t i = 0; i < digits; i++)
        x = 10 * x + (size_t)(text[i] - '0');
    *out = x;
    return 1;
}

typedef struct {
    size_t length;
    int has_length;
    int is_continue_expected;
} head_fields;

static int parse_field(head_fields *out, char *line) {
    char *colon = strchr(line, ':');
    if (!colon || colon == line || strcspn(line, " \t") < (size_t)(colon - line))
        return 400;
    *colon = 0;
    char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(line, "Content-Length") == 0) {
        size_t length;
        if (!read_length(&length, value) || (out->has_length && length != out->length))
            return 400;
        out->length = length;
        out->has_length = 1;
    } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
        return 501; /* no client of a t8n server needs chunks */
    } else if (strcasecmp(line, "Expect") == 0) {
        if (strcasecmp(value, "100-continue") != 0)
            return 417;
        out->is_continue_expected = 1;
    }
    return 200;
}

/* parse_head takes the request line and the fields apart. */
static int parse_head(hd_http_request *out, head_fields *fields, char *head) {
    char *line = head, *end = strstr(head, "\r\n");
    if (!end)
        return 400;
    *end = 0;
    size_t method_sz = strcspn(line, " ");
    if (method_sz == 0 || method_sz >= sizeof out->method || line[method_sz] != ' ')
        return 400;
    memcpy(out->method, line, method_sz);
    out->method[method_sz] = 0;
    char *version = strchr(line + method_sz + 1, ' ');
    if (!version || strncmp(version + 1, "HTTP/", 5) != 0)
        return 400;
    if (strcmp(version + 1, "HTTP/1.1") != 0 && strcmp(version + 1, "HTTP/1.0") != 0)
        return 505;
    for (line = end + 2; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        if (!end)
            return 400;
        *end = 0;
        int status = parse_field(fields, line);
        if (status != 200)
            return status;
    }
    return 200;
}

int hd_http_read(hd_http_request *out, int fd, size_t body_sz_max) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char head[HD_HTTP_HEAD_SZ_MAX + 1];
    head_fields fields = {0};
    int status = read_head(head, &out->body, fd);
    if (status == 200)
        status = parse_head(out, &fields, head);
    if (status != 200)
        return status;
    if (!fields.has_length && strcmp(out->method, "POST") == 0)
        return 411;
    if (fields.length > body_sz_max)
        return 413;
    if (out->body.sz > fields.length) /* a second request behind the first one is not read */
        out->body.sz = fields.length;
    if (fields.is_continue_expected && out->body.sz < fields.length &&
        send_all(fd, go_on, sizeof go_on - 1) != HD_OK)
        return 0;
    while (out->body.sz < fields.length) {
        /* Memory follows what has come, not what was announced. */
        size_t want = HD_MIN(fields.length - out->body.sz, (size_t)1 << 20);
        if (hd_buf_reserve(&out->body, want) != HD_OK)
            return 413;
        ssize_t got = receive(fd, out->body.data + out->body.sz, want);
        if (got <= 0)
            return 0;
        out->body.sz += (size_t)got;
    }
    return 200;
}

/* ---- answering ---- */

/* Closing a socket with unread input resets the connection, and the peer may never see the answer.
 */
static void linger(int fd) {
    char waste[65536];
    size_t sz = 0;
    shutdown(fd, SHUT_WR);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (sz < LINGER_SZ_MAX && poll(&p, 1, LINGER_MS) == 1) {
        ssize_t got = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
        if (got <= 0)
            return;
        sz += (size_t)got;
    }
}

hd_err hd_http_answer(int fd, int status, const void *json, size_t json_sz) {
    char head[256];
    int len =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\nConnection: close\r\n%s\r\n",
                 status, hd_http_reason(status), json_sz, status == 405 ? "Allow: POST\r\n" : "");
    hd_err err =
        len > 0 && (size_t)len < sizeof head ? send_all(fd, head, (size_t)len) : HD_ERR_LIMIT;
    if (err == HD_OK)
        err = send_all(fd, json, json_sz);
    linger(fd);
    return err;
}

hd_err hd_http_error(int fd, int status, const char *text) {
    hd_buf json = {0};
    hd_buf_append_str(&json, "{\"error\":");
    hd_cli_put_str(&json, text, strlen(text));
    hd_buf_append_str(&json, "}\n");
    hd_err err = json.err == HD_OK ? hd_http_answer(fd, status, json.data, json.sz) : json.err;
    hd_buf_free(&json);
    return err;
}
