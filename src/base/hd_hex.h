/* hd_hex.h - hexadecimal and decimal text to bytes and back, with the reason when text is wrong. */
#ifndef HD_HEX_H
#define HD_HEX_H

#include "base/hd_base.h"

/* All readers take text of in_sz characters (no NUL needed), return HD_OK or HD_ERR_FORMAT
   (HD_ERR_LIMIT where the value is well formed but too large for the output), and then set *reason,
   when reason is not NULL, to a constant sentence part such as "a digit is not hexadecimal".
   Outputs are unspecified after an error. Letters of either case are read, lower case is
   written. */

/* hd_hex_encode writes 2*in_sz lower-case digits and a NUL to out[0,out_sz).
   Returns HD_OK, or HD_ERR_LIMIT with out untouched if out_sz < 2*in_sz+1. */
hd_err hd_hex_encode(char *out, size_t out_sz, const uint8_t *in, size_t in_sz);
/* The same with "0x" in front: out_sz must be at least 2*in_sz+3. */
hd_err hd_hex_encode_0x(char *out, size_t out_sz, const uint8_t *in, size_t in_sz);

/* hd_hex_decode reads an even number of digits into out[0,out_max) and sets *out_sz.
   The _0x variant demands the prefix "0x"; "0x" alone is zero bytes. */
hd_err hd_hex_decode(uint8_t *out, size_t out_max, size_t *out_sz, const char **reason,
                     const char *in, size_t in_sz);
hd_err hd_hex_decode_0x(uint8_t *out, size_t out_max, size_t *out_sz, const char **reason,
                        const char *in, size_t in_sz);
/* hd_hex_decode_exact reads "0x" and exactly 2*out_sz digits: hashes, addresses, keys. */
hd_err hd_hex_decode_exact(uint8_t *out, size_t out_sz, const char **reason, const char *in,
                           size_t in_sz);

/* hd_hex_parse_num reads "0x" and at least one digit, of either parity, leading zeros allowed, as a
   big-endian number of out_sz bytes, right aligned. HD_ERR_LIMIT when it does not fit. */
hd_err hd_hex_parse_num(uint8_t *out, size_t out_sz, const char **reason, const char *in,
                        size_t in_sz);
hd_err hd_hex_parse_u64(uint64_t *out, const char **reason, const char *in, size_t in_sz);
/* hd_hex_is_quantity tells whether text is a JSON-RPC quantity: "0x0", or no leading zero. */
int hd_hex_is_quantity(const char *in, size_t in_sz);
/* hd_dec_parse_num reads at least one decimal digit as a big-endian number of out_sz bytes. */
hd_err hd_dec_parse_num(uint8_t *out, size_t out_sz, const char **reason, const char *in,
                        size_t in_sz);

/* hd_hex_write_num writes the big-endian number in[0,in_sz) as a quantity ("0x0", "0x1f") and a
   NUL; HD_ERR_LIMIT when out_sz < 2*in_sz+3 (whatever the value is). */
hd_err hd_hex_write_num(char *out, size_t out_sz, const uint8_t *in, size_t in_sz);

#endif
