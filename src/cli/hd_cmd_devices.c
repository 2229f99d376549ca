/* hd_cmd_devices.c - `heddle devices`: the backends and GPUs that can be used here. */
#include <stdio.h>
#include <string.h>

#include "base/hd_threads.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "exec/hd_exec.h"
#ifdef HD_WITH_CUDA
#include "exec/hd_exec_cuda.h"
#endif

enum { OPTION_JSON = 1 };

static const hd_cli_option options[] = {
    {"--json", NULL, "print one JSON object", OPTION_JSON},
};

static const hd_cli_spec spec = {
    "devices",
    "[OPTION...]",
    "List the backends: host (CPU cores), tiled (the GPU's memory layout on the CPU, for tests), "
    "and\n"
    "cuda with its devices. The first device is the one that --backend cuda uses.",
    "heddle devices --json",
    options,
    sizeof options / sizeof options[0]};

static const char *cuda_reason(uint32_t device_cnt) {
#ifdef HD_WITH_CUDA
    return device_cnt ? "" : "no usable GPU or driver on this machine";
#else
    (void)device_cnt;
    return "this program was built without CUDA";
#endif
}

typedef struct {
    char name[128];
    uint64_t memory_sz;
    uint32_t multiprocessor_cnt;
} device;

static int device_get(device *out, uint32_t idx) {
    memset(out, 0, sizeof *out);
#ifdef HD_WITH_CUDA
    return hd_cuda_device_info(idx, out->name, sizeof out->name, &out->memory_sz,
                               &out->multiprocessor_cnt) == HD_OK;
#else
    (void)idx;
    return 0;
#endif
}

static void print_text(uint32_t device_cnt) {
    printf("host   %u cores\n", hd_cpu_cnt());
    printf("tiled  %u cores (for tests)\n", hd_cpu_cnt());
    if (!device_cnt)
        printf("cuda   none: %s\n", cuda_reason(device_cnt));
    for (uint32_t i = 0; i < device_cnt; i++) {
        device d;
        if (device_get(&d, i))
            printf("cuda   device %u: %s, %.1f GiB, %u multiprocessors\n", i, d.name,
                   (double)d.memory_sz / (1ull << 30), d.multiprocessor_cnt);
        else
            printf("cuda   device %u: cannot be asked\n", i);
    }
}

static void print_json(uint32_t device_cnt) {
    hd_buf buf;
    hd_buf_init(&buf);
    hd_buf_printf(&buf, "{\"host\":{\"usable\":true,\"cores\":%u},", hd_cpu_cnt());
    hd_buf_printf(&buf, "\"tiled\":{\"usable\":true,\"cores\":%u},", hd_cpu_cnt());
    hd_buf_printf(&buf, "\"cuda\":{\"usable\":%s,\"reason\":", device_cnt ? "true" : "false");
    if (device_cnt)
        hd_buf_append_str(&buf, "null");
    else
        hd_cli_put_str(&buf, cuda_reason(0), strlen(cuda_reason(0)));
    hd_buf_append_str(&buf, ",\"devices\":[");
    for (uint32_t i = 0; i < device_cnt; i++) {
        device d;
        int is_known = device_get(&d, i);
        hd_buf_printf(&buf, "%s{\"index\":%u,\"usable\":%s,\"name\":", i ? "," : "", i,
                      is_known ? "true" : "false");
        hd_cli_put_str(&buf, d.name, strlen(d.name));
        hd_buf_printf(&buf, ",\"memory\":%llu,\"multiprocessors\":%u}",
                      (unsigned long long)d.memory_sz, d.multiprocessor_cnt);
    }
    hd_buf_append_str(&buf, "]}}");
    puts(hd_buf_str(&buf));
    hd_buf_free(&buf);
}

int hd_cmd_devices(int argc, char **argv) {
    hd_cli cli;
    int is_json = 0, id;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        if (id == HD_CLI_HELP)
            return HD_EXIT_OK;
        if (id == HD_CLI_WRONG)
            return HD_EXIT_USAGE;
        if (id == HD_CLI_ARG)
            return hd_cli_wrong(&cli, "no argument is expected, but there is \"%.80s\"", cli.value);
        is_json = 1;
    }
    uint32_t device_cnt = 0;
#ifdef HD_WITH_CUDA
    device_cnt = hd_cuda_device_cnt();
#endif
    if (is_json)
        print_json(device_cnt);
    else
        print_text(device_cnt);
    return HD_EXIT_OK;
}
