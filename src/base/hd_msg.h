/* hd_msg.h - one line of text that tells a person why something was refused. */
#ifndef HD_MSG_H
#define HD_MSG_H

#include "base/hd_base.h"

#define HD_MSG_SZ 512

typedef struct {
    char text[HD_MSG_SZ];
} hd_msg;

/* hd_msg_set writes a message (cut to fit; control characters, which may come from hostile input,
   become '?'). msg may be NULL. */
void hd_msg_set(hd_msg *msg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* hd_msg_prefix puts text in front of a message that is there already. */
void hd_msg_prefix(hd_msg *msg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* hd_err_name returns a few words for a code: "out of memory", "malformed input", ... */
const char *hd_err_name(hd_err err);

#endif
