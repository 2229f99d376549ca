/* hd_recover.h - addresses from secp256k1 signatures, many at a time.

   A batch of n signatures gives n addresses: the senders of a block's transactions. Three backends
   give the same bytes: libsecp256k1 over threads, the GPU, and `body`, which runs the GPU's own
   functions on the host (for tests, and where libsecp256k1 is to be doubted).

   Rules are those of Ethereum's transactions and of its ECRECOVER: parity is 0 or 1, that of the
   nonce point's y, whose x is r itself (the rare x = r + n cannot be expressed); r and s are from 1
   to n - 1; the hash is any 32 bytes, taken modulo n. A high s is accepted: whoever must refuse it
   (EIP-2, by fork) does so beforehand. */
#ifndef HD_RECOVER_H
#define HD_RECOVER_H

#include "base/hd_base.h"
#include "base/hd_threads.h"
#include "crypto/hd_u256.h"

#define HD_RECOVER_CNT_MAX ((uint32_t)1 << 26) /* signatures of one batch */

/* hd_recover_result.status */
#define HD_RECOVER_OK 0u
#define HD_RECOVER_BAD_RANGE 1u /* r or s is 0 or not below n, or parity is above 1 */
#define HD_RECOVER_NO_KEY 2u    /* no point of the curve has x = r, or the key is infinity */

typedef struct {
    hd_hash hash; /* what was signed */
    hd_u256 r;
    hd_u256 s;
    uint32_t parity;
    uint32_t reserved; /* 0 */
} hd_recover_item;

typedef struct {
    hd_address address; /* zero unless status is HD_RECOVER_OK */
    uint32_t status;    /* HD_RECOVER_... */
} hd_recover_result;

HD_STATIC_ASSERT(sizeof(hd_recover_item) == 104, "sent to the device as it is");
HD_STATIC_ASSERT(sizeof(hd_recover_result) == 24, "sent to the host as it is");

enum {
    HD_RECOVER_HOST, /* libsecp256k1 */
    HD_RECOVER_BODY, /* the device's functions, run on the host */
    HD_RECOVER_CUDA, /* the GPU */
    HD_RECOVER_AUTO, /* the GPU where there is one, else libsecp256k1 */
};

typedef struct hd_recover hd_recover;

/* hd_recover_open prepares a backend (HD_RECOVER_...). pool (may be NULL: one thread) runs the
   host's batches and must outlive the handle. HD_ERR_NOMEM; HD_ERR_UNSUPPORTED for a backend that
   is unknown; HD_ERR_ABSENT for the GPU's in a build without CUDA or on a machine without a GPU,
   HD_ERR_DEVICE when it failed. */
hd_err hd_recover_open(hd_recover **out, uint32_t backend, hd_pool *pool);
void hd_recover_close(hd_recover *rec); /* NULL is allowed */

/* HD_RECOVER_HOST, HD_RECOVER_BODY or HD_RECOVER_CUDA: what AUTO became. */
uint32_t hd_recover_backend(const hd_recover *rec);

/* hd_recover_run fills results[0,cnt) from items[0,cnt) and returns when all are there. Every item
   is hostile: none of them makes the call fail. One call at a time for a handle. HD_ERR_LIMIT: cnt
   is above HD_RECOVER_CNT_MAX; HD_ERR_NOMEM; HD_ERR_DEVICE: the GPU failed, results are undefined,
   and the caller may run the same batch on another backend. */
hd_err hd_recover_run(hd_recover *rec, hd_recover_result *results, const hd_recover_item *items,
                      uint32_t cnt);

/* The time of the GPU's kernels in the last hd_recover_run, without the copies; 0 for the host. */
uint64_t hd_recover_kernel_ns(const hd_recover *rec);

/* hd_recover_one does one item by libsecp256k1; any thread, no handle. HD_ERR_NOMEM: the library's
   context could not be made. */
hd_err hd_recover_one(hd_recover_result *result, const hd_recover_item *item);

#endif
