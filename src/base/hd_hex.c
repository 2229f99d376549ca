/* hd_hex.c - hexadecimal and decimal text to bytes and back. */
#include "base/hd_hex.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static hd_err refuse(const char **reason, hd_err err, const char *text) {
    if (reason)
        *reason = text;
    return err;
}

/* The digit's value, or -1. */
static int digit_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static void write_digits(char *out, const uint8_t *in, size_t in_sz) {
    for (size_t i = 0; i < in_sz; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * in_sz] = 0;
}

hd_err hd_hex_encode(char *out, size_t out_sz, const uint8_t *in, size_t in_sz) {
    if (out_sz == 0 || in_sz > (out_sz - 1) / 2)
        return HD_ERR_LIMIT;
    write_digits(out, in, in_sz);
    return HD_OK;
}

hd_err hd_hex_encode_0x(char *out, size_t out_sz, const uint8_t *in, size_t in_sz) {
    if (out_sz < 3 || in_sz > (out_sz - 3) / 2)
        return HD_ERR_LIMIT;
    out[0] = '0';
    out[1] = 'x';
    write_digits(out + 2, in, in_sz);
    return HD_OK;
}

hd_err hd_hex_decode(uint8_t *out, size_t out_max, size_t *out_sz, const char **reason,
                     const char *in, size_t in_sz) {
    if (in_sz % 2)
        return refuse(reason, HD_ERR_FORMAT, "the number of hexadecimal digits is odd");
    if (in_sz / 2 > out_max)
        return refuse(reason, HD_ERR_LIMIT, "more bytes than allowed");
    for (size_t i = 0; i < in_sz / 2; i++) {
        int hi = digit_value(in[2 * i]), lo = digit_value(in[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return refuse(reason, HD_ERR_FORMAT, "a digit is not hexadecimal");
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    *out_sz = in_sz / 2;
    return HD_OK;
}

static int has_prefix(const char *in, size_t in_sz) {
    return in_sz >= 2 && in[0] == '0' && in[1] == 'x';
}

hd_err hd_hex_decode_0x(uint8_t *out, size_t out_max, size_t *out_sz, const char **reason,
                        const char *in, size_t in_sz) {
    if (!has_prefix(in, in_sz))
        return refuse(reason, HD_ERR_FORMAT, "the prefix 0x is missing");
    return hd_hex_decode(out, out_max, out_sz, reason, in + 2, in_sz - 2);
}

hd_err hd_hex_decode_exact(uint8_t *out, size_t out_sz, const char **reason, const char *in,
                           size_t in_sz) {
    size_t sz = 0;
    if (!has_prefix(in, in_sz))
        return refuse(reason, HD_ERR_FORMAT, "the prefix 0x is missing");
    if (in_sz - 2 > 2 * out_sz)
        return refuse(reason, HD_ERR_FORMAT, "too many hexadecimal digits");
    if (in_sz - 2 < 2 * out_sz)
        return refuse(reason, HD_ERR_FORMAT, "too few hexadecimal digits");
    return hd_hex_decode(out, out_sz, &sz, reason, in + 2, in_sz - 2);
}

hd_err hd_hex_parse_num(uint8_t *out, size_t out_sz, const char **reason, const char *in,
                        size_t in_sz) {
    if (!has_prefix(in, in_sz))
        return refuse(reason, HD_ERR_FORMAT, "the prefix 0x is missing");
    if (in_sz == 2)
        return refuse(reason, HD_ERR_FORMAT, "no digit follows the prefix 0x");
    memset(out, 0, out_sz);
    /* From the last digit on: digit k of the number is half of byte k/2 from the end. */
    for (size_t k = 0; k < in_sz - 2; k++) {
        int value = digit_value(in[in_sz - 1 - k]);
        if (value < 0)
            return refuse(reason, HD_ERR_FORMAT, "a digit is not hexadecimal");
        if (k / 2 < out_sz)
            out[out_sz - 1 - k / 2] |= (uint8_t)(k % 2 ? value << 4 : value);
        else if (value)
            return refuse(reason, HD_ERR_LIMIT, "the number is too large");
    }
    return HD_OK;
}

hd_err hd_hex_parse_u64(uint64_t *out, const char **reason, const char *in, size_t in_sz) {
    uint8_t be[8];
    hd_err err = hd_hex_parse_num(be, sizeof be, reason, in, in_sz);
    if (err == HD_OK)
        *out = hd_load_be64(be);
    return err;
}

int hd_hex_is_quantity(const char *in, size_t in_sz) {
    if (!has_prefix(in, in_sz) || in_sz == 2 || (in[2] == '0' && in_sz > 3))
        return 0;
    for (size_t i = 2; i < in_sz; i++)
        if (digit_value(in[i]) < 0)
            return 0;
    return 1;
}

hd_err hd_dec_parse_num(uint8_t *out, size_t out_sz, const char **reason, const char *in,
                        size_t in_sz) {
    if (in_sz == 0)
        return refuse(reason, HD_ERR_FORMAT, "there is no digit");
    memset(out, 0, out_sz);
    for (size_t i = 0; i < in_sz; i++) {
        if (in[i] < '0' || in[i] > '9')
            return refuse(reason, HD_ERR_FORMAT, "a digit is not decimal");
        uint32_t carry = (uint32_t)(in[i] - '0');
        for (size_t k = out_sz; k-- > 0;) {
            carry += out[k] * 10u;
            out[k] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry)
            return refuse(reason, HD_ERR_LIMIT, "the number is too large");
    }
    return HD_OK;
}

hd_err hd_hex_write_num(char *out, size_t out_sz, const uint8_t *in, size_t in_sz) {
    if (out_sz < 4 || in_sz > (out_sz - 3) / 2)
        return HD_ERR_LIMIT;
    size_t pos = 0;
    out[pos++] = '0';
    out[pos++] = 'x';
    for (size_t k = 0; k < 2 * in_sz; k++) {
        uint8_t value = k % 2 ? in[k / 2] & 15 : in[k / 2] >> 4;
        if (value || pos > 2)
            out[pos++] = digits[value];
    }
    if (pos == 2)
        out[pos++] = '0';
    out[pos] = 0;
    return HD_OK;
}
