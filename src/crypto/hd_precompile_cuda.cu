/* hd_precompile_cuda.cu - the precompiles' kernels and their launch. */
#include <cuda_runtime.h>

#include "crypto/hd_precompile_body.h"
#include "crypto/hd_precompile_cuda.h"
#include "crypto/hd_word_op.h"

/* One kernel a precompile, so that none pays for another's registers and stack. */
#define HD_X(number, name, block) \
    static __global__ void __launch_bounds__(block) \
        name##_kernel(hd_precompile_job *jobs, uint32_t cnt, const uint8_t *in, uint8_t *out, \
                      uint8_t *scratch) { \
        uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; \
        if (i >= cnt) \
            return; \
        hd_precompile_job *job = jobs + i; \
        hd_precompile_call call; \
        call.out = out + job->out_off; \
        call.in = in + job->in_off; \
        call.scratch = scratch + job->scratch_off; \
        call.scratch_sz = 0; \
        call.out_max = job->out_max; \
        call.out_sz = 0; \
        call.in_sz = job->in_sz; \
        if (number == HD_PRECOMPILE_MODEXP) { \
            uint8_t head[HD_PRECOMPILE_HEAD_SZ]; \
            hd_precompile_head(head, call.in, call.in_sz); \
            call.scratch_sz = hd_precompile_scratch_sz(number, call.in_sz, head); \
        } \
        int rc = hd_precompile_##name(&call); \
        job->out_sz = rc == 1 ? call.out_sz : 0; \
        job->is_ok = (uint32_t)rc; \
    }
HD_PRECOMPILES(HD_X)
#undef HD_X

static __global__ void word_op_kernel(uint32_t op, hd_u256 *r, const hd_u256 *top,
                                      const hd_u256 *second, uint32_t cnt) {
    uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < cnt)
        r[i] = hd_word_op(op, top[i], second[i]);
}

static hd_err err_from_cuda(cudaError_t e) {
    switch (e) {
    case cudaSuccess: return HD_OK;
    case cudaErrorMemoryAllocation: return HD_ERR_NOMEM;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver: return HD_ERR_ABSENT;
    default: return HD_ERR_DEVICE;
    }
}

hd_err hd_precompile_cuda_probe(void) {
    int device_cnt = 0;
    if (cudaGetDeviceCount(&device_cnt) != cudaSuccess || device_cnt == 0) {
        (void)cudaGetLastError(); /* absence is an answer, not an error to be found later */
        return HD_ERR_ABSENT;
    }
    return HD_OK;
}

hd_err hd_precompile_cuda_launch(uint32_t id, hd_precompile_job *jobs_dev, uint32_t cnt,
                                 const uint8_t *in_dev, uint8_t *out_dev, uint8_t *scratch_dev,
                                 void *stream) {
    cudaStream_t s = (cudaStream_t)stream;
    if (cnt == 0)
        return HD_OK;
    switch (id) {
#define HD_X(number, name, block) \
    case number: \
        name##_kernel<<<(cnt - 1) / (block) + 1, block, 0, s>>>(jobs_dev, cnt, in_dev, out_dev, \
                                                                scratch_dev); \
        break;
        HD_PRECOMPILES(HD_X)
#undef HD_X
    default: return HD_ERR_UNSUPPORTED;
    }
    return err_from_cuda(cudaGetLastError());
}

static int is_inside(uint64_t off, uint64_t sz, size_t total_sz) {
    return off <= total_sz && sz <= total_sz - off;
}

static hd_err check_jobs(uint32_t id, const hd_precompile_job *jobs, uint32_t cnt,
                         const uint8_t *in, size_t in_sz, size_t out_sz, size_t scratch_sz) {
    for (uint32_t i = 0; i < cnt; i++) {
        const hd_precompile_job *job = jobs + i;
        if (!is_inside(job->in_off, job->in_sz, in_sz) ||
            !is_inside(job->out_off, job->out_max, out_sz))
            return HD_ERR_LIMIT;
        uint8_t head[HD_PRECOMPILE_HEAD_SZ];
        hd_precompile_head(head, in + job->in_off, job->in_sz);
        size_t need_sz = hd_precompile_scratch_sz(id, job->in_sz, head);
        if (need_sz && !is_inside(job->scratch_off, need_sz, scratch_sz))
            return HD_ERR_LIMIT;
    }
    return HD_OK;
}

/* Device memory of sz bytes, with the host's bytes in it where host is not NULL. */
static hd_err to_device(void **dev, const void *host, size_t sz) {
    hd_err err = err_from_cuda(cudaMalloc(dev, sz ? sz : 1));
    if (err == HD_OK && host && sz)
        err = err_from_cuda(cudaMemcpy(*dev, host, sz, cudaMemcpyHostToDevice));
    return err;
}

hd_err hd_precompile_cuda_run(uint32_t id, hd_precompile_job *jobs_host, uint32_t cnt,
                              const uint8_t *in, size_t in_sz, uint8_t *out, size_t out_sz,
                              size_t scratch_sz) {
    void *jobs_dev = NULL, *in_dev = NULL, *out_dev = NULL, *scratch_dev = NULL;
    size_t jobs_sz = (size_t)cnt * sizeof *jobs_host;
    hd_err err = hd_precompile_cuda_probe();
    if (err == HD_OK)
        err = check_jobs(id, jobs_host, cnt, in, in_sz, out_sz, scratch_sz);
    if (err == HD_OK)
        err = to_device(&jobs_dev, jobs_host, jobs_sz);
    if (err == HD_OK)
        err = to_device(&in_dev, in, in_sz);
    /* The caller's bytes go along: what no job writes comes back as it was. */
    if (err == HD_OK)
        err = to_device(&out_dev, out, out_sz);
    if (err == HD_OK)
        err = to_device(&scratch_dev, NULL, scratch_sz);
    if (err == HD_OK)
        err = hd_precompile_cuda_launch(id, (hd_precompile_job *)jobs_dev, cnt,
                                        (const uint8_t *)in_dev, (uint8_t *)out_dev,
                                        (uint8_t *)scratch_dev, NULL);
    if (err == HD_OK)
        err = err_from_cuda(cudaDeviceSynchronize());
    if (err == HD_OK && jobs_sz)
        err = err_from_cuda(cudaMemcpy(jobs_host, jobs_dev, jobs_sz, cudaMemcpyDeviceToHost));
    if (err == HD_OK && out_sz)
        err = err_from_cuda(cudaMemcpy(out, out_dev, out_sz, cudaMemcpyDeviceToHost));
    /* cudaFree of NULL does nothing; after a device failure it can only report that one again. */
    (void)cudaFree(jobs_dev);
    (void)cudaFree(in_dev);
    (void)cudaFree(out_dev);
    (void)cudaFree(scratch_dev);
    return err;
}

hd_err hd_word_op_cuda_run(uint32_t op, hd_u256 *r, const hd_u256 *top, const hd_u256 *second,
                           uint32_t cnt) {
    void *r_dev = NULL, *top_dev = NULL, *second_dev = NULL;
    size_t sz = (size_t)cnt * sizeof *r;
    if (!hd_word_op_is_known(op))
        return HD_ERR_UNSUPPORTED;
    hd_err err = hd_precompile_cuda_probe();
    if (err == HD_OK)
        err = to_device(&r_dev, NULL, sz);
    if (err == HD_OK)
        err = to_device(&top_dev, top, sz);
    if (err == HD_OK)
        err = to_device(&second_dev, second, sz);
    if (err == HD_OK && cnt) {
        word_op_kernel<<<(cnt - 1) / 64 + 1, 64>>>(op, (hd_u256 *)r_dev, (const hd_u256 *)top_dev,
                                                   (const hd_u256 *)second_dev, cnt);
        err = err_from_cuda(cudaGetLastError());
        if (err == HD_OK)
            err = err_from_cuda(cudaDeviceSynchronize());
        if (err == HD_OK)
            err = err_from_cuda(cudaMemcpy(r, r_dev, sz, cudaMemcpyDeviceToHost));
    }
    (void)cudaFree(r_dev);
    (void)cudaFree(top_dev);
    (void)cudaFree(second_dev);
    return err;
}
