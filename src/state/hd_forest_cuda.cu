/* hd_forest_cuda.cu - the forest's phases as kernels, over records in device memory.

   The host waits for the device three times a batch that changes values only (counts after writing,
   counts after marking, the root), and once more for each depth at which branches shrink and each
   round of insertion. Nothing is allocated in a kernel. */
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "state/hd_forest_cuda.h"
#include "state/hd_forest_node.h"

#define BLOCK_SZ 128u
/* With fewer lanes than this a block is one warp, so that all multiprocessors get some. */
#define LANES_FEW 16384u
#define CAP_MIN 1024u

#define CK(call) \
    do { \
        cudaError_t ck_ = (call); \
        if (ck_ != cudaSuccess) { \
            if (getenv("HEDDLE_CUDA_VERBOSE")) \
                fprintf(stderr, "heddle: cuda: %s (%s:%d)\n", cudaGetErrorString(ck_), __FILE__, \
                        __LINE__); \
            return ck_ == cudaErrorMemoryAllocation ? HD_ERR_NOMEM : HD_ERR_DEVICE; \
        } \
    } while (0)

#define RET(call) \
    do { \
        hd_err ret_ = (call); \
        if (ret_ != HD_OK) \
            return ret_; \
    } while (0)

struct hd_forest_cuda {
    hd_forest f;           /* pointers to device memory */
    hd_forest_counters *n; /* the host's copy, in memory that the device copies to directly */
    hd_forest_key *root;   /* likewise */
    cudaStream_t stream;
    uint32_t *at2;
    uint32_t *addrs; /* names of the changes; NULL until they are put */
    hd_u256 *numbers;
    uint64_t cap[HD_FOREST_SLABS];
    uint64_t list_cap[HD_FOREST_LISTS];
    uint64_t at_cap, at2_cap, account_cap, slot_cap, addr_cap, number_cap;
    uint64_t memory_sz;
    hd_forest_cuda_stats stats;
    int is_broken;
};

/* ---- kernels ---- */

#define KERNEL(name, call) \
    static __global__ void __launch_bounds__(BLOCK_SZ) \
        name(const __grid_constant__ hd_forest f, uint32_t cnt) { \
        uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; \
        if (i < cnt) \
            call; \
    }

KERNEL(find_account_kernel, hd_forest_find_account(&f, i))
KERNEL(find_slot_kernel, hd_forest_find_slot(&f, i))
KERNEL(write_account_kernel, hd_forest_write_account(&f, i))
KERNEL(write_slot_kernel, hd_forest_write_slot(&f, i))
KERNEL(remove_kernel, hd_forest_remove(&f, i))
KERNEL(sweep_kernel, hd_forest_sweep(&f, i))
KERNEL(claim_kernel, hd_forest_claim(&f, i))
KERNEL(climb_kernel, hd_forest_climb(&f, i))
KERNEL(order_kernel, hd_forest_order(&f, i))
KERNEL(order_start_kernel, hd_forest_order_start(&f))
KERNEL(settle_kernel, hd_forest_settle(f.n))
#undef KERNEL

static __global__ void __launch_bounds__(BLOCK_SZ)
    shrink_kernel(const __grid_constant__ hd_forest f, uint32_t cnt, uint32_t depth) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < cnt)
        hd_forest_shrink(&f, i, depth);
}

static __global__ void __launch_bounds__(BLOCK_SZ)
    insert_kernel(const __grid_constant__ hd_forest f, uint32_t cnt, uint32_t *at2) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < cnt)
        hd_forest_insert(&f, at2, i);
}

static __global__ void __launch_bounds__(BLOCK_SZ)
    hash_leaf_kernel(const __grid_constant__ hd_forest f, uint32_t cnt, const uint32_t *list) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < cnt)
        hd_forest_hash_leaf(&f, list[i]);
}

static __global__ void __launch_bounds__(BLOCK_SZ)
    hash_branch_kernel(const __grid_constant__ hd_forest f, uint32_t cnt, const uint32_t *list) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < cnt)
        hd_forest_hash_branch(&f, list[i]);
}

static __global__ void __launch_bounds__(BLOCK_SZ)
    name_account_kernel(hd_forest_account_change *accounts, const uint32_t *addrs, uint32_t cnt) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < cnt)
        hd_forest_hash_address(&accounts[i].key, addrs + 5 * (size_t)i);
}

static __global__ void __launch_bounds__(BLOCK_SZ)
    name_slot_kernel(hd_forest_slot_change *slots, const hd_u256 *numbers, uint32_t cnt) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < cnt)
        hd_forest_hash_slot(&slots[i].key, numbers[i]);
}

static uint32_t block_sz(uint32_t cnt) { return cnt < LANES_FEW ? 32u : BLOCK_SZ; }
static uint32_t grid_sz(uint32_t cnt) { return (cnt - 1) / block_sz(cnt) + 1; }

#define LAUNCH(kernel, x, cnt, ...) \
    do { \
        uint32_t launch_cnt_ = (cnt); \
        if (launch_cnt_) { \
            kernel<<<grid_sz(launch_cnt_), block_sz(launch_cnt_), 0, (x)->stream>>>( \
                (x)->f, launch_cnt_ __VA_ARGS__); \
            CK(cudaGetLastError()); \
        } \
    } while (0)

/* ---- memory ---- */

/* Copies in the stream's order, and waits. */
static cudaError_t copy(hd_forest_cuda *x, void *to, const void *from, size_t sz,
                        cudaMemcpyKind kind) {
    cudaError_t e = sz ? cudaMemcpyAsync(to, from, sz, kind, x->stream) : cudaSuccess;
    return e == cudaSuccess ? cudaStreamSynchronize(x->stream) : e;
}

/* Room for cnt elements; keep_cnt of those that are there are kept. */
static hd_err array_room(hd_forest_cuda *x, void **p, uint64_t *cap, uint64_t cnt,
                         uint64_t keep_cnt, size_t elem_sz) {
    if (cnt <= *cap)
        return HD_OK;
    uint64_t next = HD_MAX(cnt, CAP_MIN);
    if (keep_cnt) /* what is kept grows by parts, since each time it is copied */
        next = HD_MAX(next, *cap + *cap / 2);
    void *q = NULL;
    CK(cudaMalloc(&q, next * elem_sz));
    if (keep_cnt) {
        cudaError_t e = copy(x, q, *p, keep_cnt * elem_sz, cudaMemcpyDeviceToDevice);
        if (e != cudaSuccess) {
            (void)cudaFree(q);
            CK(e);
        }
    }
    CK(cudaFree(*p));
    x->memory_sz += (next - *cap) * elem_sz;
    *p = q;
    *cap = next;
    return HD_OK;
}

static hd_err list_room(hd_forest_cuda *x, uint32_t list, uint64_t cnt) {
    return array_room(x, (void **)&x->f.lists[list], &x->list_cap[list], cnt, 0, sizeof(uint32_t));
}

/* Room for cnt more records; x->n is what the device has. */
static hd_err slab_room(hd_forest_cuda *x, uint32_t slab, uint64_t cnt) {
    uint64_t top = x->n->top[slab], free_cnt = x->n->free_cnt[slab];
    uint64_t need = cnt > free_cnt ? top + cnt - free_cnt : top;
    uint64_t cap = x->cap[slab];
    if (need <= cap)
        return HD_OK;
    if (need > (uint64_t)HD_FOREST_INDEX_MAX + 1)
        return HD_ERR_LIMIT;
    void **array = slab == HD_FOREST_BRANCHES ? (void **)&x->f.branches
                   : slab == HD_FOREST_LEAVES ? (void **)&x->f.leaves
                                              : (void **)&x->f.tries;
    size_t elem_sz = slab == HD_FOREST_BRANCHES ? sizeof(hd_forest_branch)
                     : slab == HD_FOREST_LEAVES ? sizeof(hd_forest_leaf)
                                                : sizeof(hd_forest_trie);
    RET(array_room(x, array, &cap, need, top, elem_sz));
    uint64_t frees_cap = x->cap[slab];
    RET(array_room(x, (void **)&x->f.frees[slab], &frees_cap, cap, free_cnt, sizeof(uint32_t)));
    if (slab == HD_FOREST_BRANCHES) {
        RET(list_room(x, HD_FOREST_DIRTY, cap));
        RET(list_room(x, HD_FOREST_ORDERED, cap));
        RET(list_room(x, HD_FOREST_SWEEP, cap));
        RET(list_room(x, HD_FOREST_SWEEP_NEXT, cap));
    }
    x->cap[slab] = HD_MIN(cap, frees_cap);
    return HD_OK;
}

/* As hd_forest_host.c says what a change can push. */
static hd_err batch_room(hd_forest_cuda *x, uint64_t cnt) {
    RET(list_room(x, HD_FOREST_TOUCHED, 3 * cnt));
    RET(list_room(x, HD_FOREST_REMOVED, cnt));
    RET(list_room(x, HD_FOREST_SHRINKING, 2 * cnt));
    RET(list_room(x, HD_FOREST_SLOT_LEAVES, 3 * cnt));
    RET(list_room(x, HD_FOREST_ACCOUNT_LEAVES, 3 * cnt));
    RET(list_room(x, HD_FOREST_PENDING, cnt));
    RET(list_room(x, HD_FOREST_PENDING_NEXT, cnt));
    RET(array_room(x, (void **)&x->f.at, &x->at_cap, cnt, 0, sizeof(uint32_t)));
    return array_room(x, (void **)&x->at2, &x->at2_cap, cnt, 0, sizeof(uint32_t));
}

static hd_err open_at(hd_forest_cuda *x) {
    hd_forest_trie t;
    CK(cudaMallocHost((void **)&x->n, sizeof *x->n));
    CK(cudaMallocHost((void **)&x->root, sizeof *x->root));
    memset(x->n, 0, sizeof *x->n);
    CK(cudaMalloc((void **)&x->f.n, sizeof *x->f.n));
    for (uint32_t k = 0; k < HD_FOREST_SLABS; k++) {
        RET(slab_room(x, k, CAP_MIN));
        x->n->top[k] = 1; /* index 0 is none, and the account trie */
    }
    CK(copy(x, x->f.n, x->n, sizeof *x->n, cudaMemcpyHostToDevice));
    memset(&t, 0, sizeof t);
    t.root = hd_forest_empty_root();
    CK(copy(x, x->f.tries, &t, sizeof t, cudaMemcpyHostToDevice));
    return HD_OK;
}

hd_err hd_forest_cuda_open(hd_forest_cuda **out) {
    int device_cnt = 0;
    *out = NULL;
    if (cudaGetDeviceCount(&device_cnt) != cudaSuccess || device_cnt == 0) {
        (void)cudaGetLastError(); /* absence is an answer, not an error to be found later */
        return HD_ERR_ABSENT;
    }
    hd_forest_cuda *x = (hd_forest_cuda *)calloc(1, sizeof *x);
    if (!x)
        return HD_ERR_NOMEM;
    hd_err err = open_at(x);
    if (err != HD_OK)
        hd_forest_cuda_close(x);
    else
        *out = x;
    return err;
}

void hd_forest_cuda_set_stream(hd_forest_cuda *x, void *stream) {
    x->stream = (cudaStream_t)stream;
}

void hd_forest_cuda_close(hd_forest_cuda *x) {
    if (!x)
        return;
    (void)cudaFree(x->f.branches);
    (void)cudaFree(x->f.leaves);
    (void)cudaFree(x->f.tries);
    for (uint32_t k = 0; k < HD_FOREST_SLABS; k++)
        (void)cudaFree(x->f.frees[k]);
    for (uint32_t k = 0; k < HD_FOREST_LISTS; k++)
        (void)cudaFree(x->f.lists[k]);
    (void)cudaFree(x->f.n);
    (void)cudaFree(x->f.at);
    (void)cudaFree(x->at2);
    (void)cudaFree(x->f.accounts);
    (void)cudaFree(x->f.slots);
    (void)cudaFree(x->addrs);
    (void)cudaFree(x->numbers);
    (void)cudaFreeHost(x->n);
    (void)cudaFreeHost(x->root);
    free(x);
}

hd_err hd_forest_cuda_reserve(hd_forest_cuda *x, uint64_t account_cnt, uint64_t slot_cnt,
                              uint64_t change_cnt) {
    if (x->is_broken)
        return HD_ERR_CORRUPT;
    /* A trie has fewer branches than leaves; of random keys about 0.45 a leaf, so that this is
       room to spare and still not twice what is used. */
    RET(slab_room(x, HD_FOREST_BRANCHES, (account_cnt + slot_cnt) * 3 / 4 + change_cnt));
    RET(slab_room(x, HD_FOREST_LEAVES, account_cnt + slot_cnt + change_cnt));
    RET(slab_room(x, HD_FOREST_TRIES, account_cnt + change_cnt));
    return batch_room(x, change_cnt);
}

/* ---- changes ---- */

hd_err hd_forest_cuda_changes(hd_forest_account_change **accounts_dev,
                              hd_forest_slot_change **slots_dev, hd_forest_cuda *x,
                              size_t account_cnt, size_t slot_cnt) {
    if (account_cnt > HD_FOREST_INDEX_MAX || slot_cnt > HD_FOREST_INDEX_MAX)
        return HD_ERR_LIMIT;
    RET(array_room(x, (void **)&x->f.accounts, &x->account_cap, account_cnt, 0,
                   sizeof *x->f.accounts));
    RET(array_room(x, (void **)&x->f.slots, &x->slot_cap, slot_cnt, 0, sizeof *x->f.slots));
    x->f.account_cnt = (uint32_t)account_cnt;
    x->f.slot_cnt = (uint32_t)slot_cnt;
    *accounts_dev = x->f.accounts;
    *slots_dev = x->f.slots;
    return HD_OK;
}

hd_err hd_forest_cuda_put(hd_forest_cuda *x, const hd_forest_account_change *accounts,
                          size_t account_cnt, const hd_forest_slot_change *slots, size_t slot_cnt) {
    hd_forest_account_change *a;
    hd_forest_slot_change *s;
    RET(hd_forest_cuda_changes(&a, &s, x, account_cnt, slot_cnt));
    CK(copy(x, a, accounts, account_cnt * sizeof *a, cudaMemcpyHostToDevice));
    CK(copy(x, s, slots, slot_cnt * sizeof *s, cudaMemcpyHostToDevice));
    return HD_OK;
}

hd_err hd_forest_cuda_get(hd_forest_cuda *x, hd_forest_account_change *accounts,
                          hd_forest_slot_change *slots) {
    CK(copy(x, accounts, x->f.accounts, x->f.account_cnt * sizeof *accounts,
            cudaMemcpyDeviceToHost));
    CK(copy(x, slots, x->f.slots, x->f.slot_cnt * sizeof *slots, cudaMemcpyDeviceToHost));
    return HD_OK;
}

hd_err hd_forest_cuda_put_names(hd_forest_cuda *x, const uint32_t *addrs, const hd_u256 *slots) {
    size_t account_cnt = x->f.account_cnt, slot_cnt = x->f.slot_cnt;
    RET(array_room(x, (void **)&x->addrs, &x->addr_cap, 5 * account_cnt, 0, sizeof *x->addrs));
    RET(array_room(x, (void **)&x->numbers, &x->number_cap, slot_cnt, 0, sizeof *x->numbers));
    CK(copy(x, x->addrs, addrs, 5 * account_cnt * sizeof *addrs, cudaMemcpyHostToDevice));
    CK(copy(x, x->numbers, slots, slot_cnt * sizeof *slots, cudaMemcpyHostToDevice));
    return HD_OK;
}

hd_err hd_forest_cuda_hash_names(hd_forest_cuda *x) {
    uint32_t account_cnt = x->f.account_cnt, slot_cnt = x->f.slot_cnt;
    if (x->addr_cap < 5 * (uint64_t)account_cnt || x->number_cap < slot_cnt)
        return HD_ERR_LIMIT;
    if (account_cnt)
        name_account_kernel<<<grid_sz(account_cnt), block_sz(account_cnt), 0, x->stream>>>(
            x->f.accounts, x->addrs, account_cnt);
    if (slot_cnt)
        name_slot_kernel<<<grid_sz(slot_cnt), block_sz(slot_cnt), 0, x->stream>>>(
            x->f.slots, x->numbers, slot_cnt);
    CK(cudaGetLastError());
    return HD_OK;
}

/* ---- phases ---- */

/* Waits for the device and reads its counters. */
static hd_err counters_read(hd_forest_cuda *x) {
    CK(cudaMemcpyAsync(x->n, x->f.n, sizeof *x->n, cudaMemcpyDeviceToHost, x->stream));
    CK(cudaStreamSynchronize(x->stream));
    return HD_OK;
}

static hd_err list_swap(hd_forest_cuda *x, uint32_t list, uint32_t next) {
    uint32_t *swap = x->f.lists[list];
    x->f.lists[list] = x->f.lists[next];
    x->f.lists[next] = swap;
    CK(cudaMemsetAsync(&x->f.n->list_cnt[next], 0, sizeof(uint32_t), x->stream));
    return HD_OK;
}

static hd_err remove_all(hd_forest_cuda *x) {
    uint32_t *cnt = x->n->list_cnt;
    LAUNCH(remove_kernel, x, cnt[HD_FOREST_REMOVED]);
    RET(counters_read(x));
    for (uint32_t depth = HD_FOREST_DEPTH_CNT; depth-- > 0;) {
        if (!x->n->shrink_cnt[depth])
            continue;
        LAUNCH(shrink_kernel, x, cnt[HD_FOREST_SHRINKING], , depth);
        RET(counters_read(x));
        if (x->n->shrink_cnt[depth])
            return HD_ERR_CORRUPT;
    }
    uint32_t sweep_cnt = cnt[HD_FOREST_SWEEP];
    while (sweep_cnt) { /* each round is a level nearer to the leaves */
        LAUNCH(sweep_kernel, x, sweep_cnt);
        RET(counters_read(x));
        sweep_cnt = cnt[HD_FOREST_SWEEP_NEXT];
        RET(list_swap(x, HD_FOREST_SWEEP, HD_FOREST_SWEEP_NEXT));
    }
    return HD_OK;
}

static hd_err insert_all(hd_forest_cuda *x) {
    uint32_t cnt = x->n->list_cnt[HD_FOREST_PENDING];
    if (cnt)
        CK(cudaMemsetAsync(x->f.at, 0, cnt * sizeof *x->f.at, x->stream));
    for (uint32_t k = 0; k < HD_FOREST_STEPS_MAX && cnt; k++) {
        LAUNCH(claim_kernel, x, cnt);
        LAUNCH(insert_kernel, x, cnt, , x->at2);
        LAUNCH(settle_kernel, x, 1);
        RET(counters_read(x));
        if (x->n->wrong)
            return HD_ERR_CORRUPT;
        cnt = x->n->list_cnt[HD_FOREST_PENDING_NEXT];
        RET(list_swap(x, HD_FOREST_PENDING, HD_FOREST_PENDING_NEXT));
        uint32_t *at = x->f.at;
        x->f.at = x->at2;
        x->at2 = at;
        x->stats.round_cnt++;
    }
    return cnt ? HD_ERR_CORRUPT : HD_OK;
}

static hd_err hash_all(hd_forest_cuda *x) {
    const uint32_t *cnt = x->n->list_cnt;
    uint32_t slot_leaf_cnt = cnt[HD_FOREST_SLOT_LEAVES];
    uint32_t account_leaf_cnt = cnt[HD_FOREST_ACCOUNT_LEAVES];
    LAUNCH(order_kernel, x, cnt[HD_FOREST_DIRTY]);
    LAUNCH(hash_leaf_kernel, x, slot_leaf_cnt, , x->f.lists[HD_FOREST_SLOT_LEAVES]);
    uint32_t off = 0;
    for (uint32_t k = 0; k < HD_FOREST_BUCKETS; k++) {
        if (k == HD_FOREST_DEPTH_CNT) /* all storage roots are there */
            LAUNCH(hash_leaf_kernel, x, account_leaf_cnt, , x->f.lists[HD_FOREST_ACCOUNT_LEAVES]);
        LAUNCH(hash_branch_kernel, x, x->n->bucket_cnt[k], , x->f.lists[HD_FOREST_ORDERED] + off);
        off += x->n->bucket_cnt[k];
    }
    x->stats.leaf_cnt = (uint64_t)slot_leaf_cnt + account_leaf_cnt;
    x->stats.branch_cnt = off;
    CK(cudaMemcpyAsync(x->root, &x->f.tries[0].root, sizeof *x->root, cudaMemcpyDeviceToHost,
                       x->stream));
    CK(cudaStreamSynchronize(x->stream));
    return HD_OK;
}

/* All but what lasts: the slabs' counts, which lie first. */
static hd_err batch_reset(hd_forest_cuda *x) {
    size_t off = offsetof(hd_forest_counters, list_cnt);
    CK(cudaMemsetAsync((uint8_t *)x->f.n + off, 0, sizeof *x->f.n - off, x->stream));
    return HD_OK;
}

/* Memory first: after it no step asks for any. */
static hd_err find_all(hd_forest_cuda *x) {
    uint64_t cnt = (uint64_t)x->f.account_cnt + x->f.slot_cnt;
    RET(batch_room(x, cnt));
    RET(slab_room(x, HD_FOREST_BRANCHES, cnt));
    RET(slab_room(x, HD_FOREST_LEAVES, cnt));
    RET(slab_room(x, HD_FOREST_TRIES, x->f.account_cnt));
    RET(batch_reset(x));
    LAUNCH(find_account_kernel, x, x->f.account_cnt);
    LAUNCH(find_slot_kernel, x, x->f.slot_cnt);
    LAUNCH(write_account_kernel, x, x->f.account_cnt);
    LAUNCH(write_slot_kernel, x, x->f.slot_cnt);
    LAUNCH(settle_kernel, x, 1);
    return HD_OK;
}

/* Everything behind the first look at the counters. */
static hd_err change_all(hd_forest_cuda *x) {
    uint64_t found_ns = hd_clock_ns();
    x->stats.removed_cnt = x->n->list_cnt[HD_FOREST_REMOVED];
    x->stats.inserted_cnt = x->n->list_cnt[HD_FOREST_PENDING];
    if (x->n->list_cnt[HD_FOREST_REMOVED] || x->n->list_cnt[HD_FOREST_SWEEP])
        RET(remove_all(x));
    RET(insert_all(x));
    uint64_t built_ns = hd_clock_ns();
    x->stats.structure_ns = built_ns - found_ns;
    x->stats.touched_cnt = x->n->list_cnt[HD_FOREST_TOUCHED];
    LAUNCH(climb_kernel, x, x->n->list_cnt[HD_FOREST_TOUCHED]);
    LAUNCH(order_start_kernel, x, 1);
    RET(counters_read(x));
    if (x->n->wrong)
        return HD_ERR_CORRUPT;
    uint64_t marked_ns = hd_clock_ns();
    x->stats.mark_ns = marked_ns - built_ns;
    RET(hash_all(x));
    x->stats.hash_ns = hd_clock_ns() - marked_ns;
    return HD_OK;
}

hd_err hd_forest_cuda_run(hd_hash *root, hd_forest_cuda *x) {
    uint64_t start_ns = hd_clock_ns();
    if (x->is_broken)
        return HD_ERR_CORRUPT;
    memset(&x->stats, 0, sizeof x->stats);
    hd_err err = find_all(x);
    if (err == HD_OK)
        err = counters_read(x);
    if (err == HD_OK && x->n->wrong) /* then nothing was written */
        return x->n->wrong & HD_FOREST_DAMAGED ? HD_ERR_CORRUPT : HD_ERR_FORMAT;
    x->stats.find_ns = hd_clock_ns() - start_ns;
    if (err == HD_OK)
        err = change_all(x);
    x->is_broken = err != HD_OK && err != HD_ERR_NOMEM && err != HD_ERR_LIMIT;
    if (err == HD_OK)
        memcpy(root, x->root, sizeof *root);
    return err;
}

hd_err hd_forest_cuda_apply(hd_hash *root, hd_forest_cuda *x, hd_forest_account_change *accounts,
                            size_t account_cnt, hd_forest_slot_change *slots, size_t slot_cnt) {
    RET(hd_forest_cuda_put(x, accounts, account_cnt, slots, slot_cnt));
    RET(hd_forest_cuda_run(root, x));
    return hd_forest_cuda_get(x, accounts, slots);
}

void hd_forest_cuda_count(hd_forest_cuda_stats *out, const hd_forest_cuda *x) {
    *out = x->stats;
    out->memory_sz = x->memory_sz;
}
