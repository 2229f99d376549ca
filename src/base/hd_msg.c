/* hd_msg.c - one line of text that tells a person why something was refused. */
#include "base/hd_msg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void clean(hd_msg *msg) {
    for (char *p = msg->text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

void hd_msg_set(hd_msg *msg, const char *fmt, ...) {
    if (!msg)
        return;
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(msg->text, sizeof msg->text, fmt, args) < 0)
        msg->text[0] = 0;
    va_end(args);
    clean(msg);
}

void hd_msg_prefix(hd_msg *msg, const char *fmt, ...) {
    if (!msg)
        return;
    hd_msg old = *msg;
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(msg->text, sizeof msg->text, fmt, args);
    va_end(args);
    if (len < 0)
        len = 0;
    if ((size_t)len < sizeof msg->text) {
        size_t left = sizeof msg->text - (size_t)len;
        size_t old_len = strnlen(old.text, left - 1);
        memcpy(msg->text + len, old.text, old_len);
        msg->text[(size_t)len + old_len] = 0;
    }
    clean(msg);
}

const char *hd_err_name(hd_err err) {
    switch (err) {
    case HD_OK: return "no error";
    case HD_ERR_NOMEM: return "out of memory";
    case HD_ERR_LIMIT: return "a limit is exceeded";
    case HD_ERR_FORMAT: return "malformed input";
    case HD_ERR_IO: return "input/output error";
    case HD_ERR_CORRUPT: return "our own data is damaged";
    case HD_ERR_UNSUPPORTED: return "not supported";
    case HD_ERR_DEVICE: return "the GPU or its driver failed";
    case HD_ERR_ABSENT: return "not there";
    default: return "unknown error";
    }
}
