/* hd_decimal.h - 256-bit numbers as decimal text, for messages. */
#ifndef HD_DECIMAL_H
#define HD_DECIMAL_H

#include "crypto/hd_u256.h"

#define HD_DECIMAL_SZ 80 /* 78 digits and a NUL */

/* hd_decimal writes x into out and returns where the text starts within out. */
static inline const char *hd_decimal(char out[HD_DECIMAL_SZ], hd_u256 x) {
    char *p = out + HD_DECIMAL_SZ - 1;
    *p = 0;
    do {
        hd_u256_qr qr = hd_u256_divrem(x, hd_u256_from_u64(10));
        *--p = (char)('0' + qr.r.w[0]);
        x = qr.q;
    } while (!hd_u256_is_zero(x));
    return p;
}

#endif
