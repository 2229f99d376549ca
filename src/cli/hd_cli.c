/* hd_cli.c - options, exit statuses and the report that the commands share. */
#include "cli/hd_cli.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "cli/hd_state_json.h"
#include "exec/hd_exec_ordered.h"

void hd_cli_init(hd_cli *cli, const hd_cli_spec *spec, int argc, char **argv) {
    memset(cli, 0, sizeof *cli);
    cli->spec = spec;
    cli->argc = argc;
    cli->argv = argv;
    cli->idx = 1;
}

static void print_help(const hd_cli_spec *spec) {
    printf("Usage: heddle %s %s\n%s\n\n", spec->command, spec->usage, spec->about);
    for (size_t i = 0; i < spec->option_cnt; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", spec->options[i].name,
                 spec->options[i].arg ? " " : "", spec->options[i].arg ? spec->options[i].arg : "");
        printf("  %-24s %s\n", left, spec->options[i].text);
    }
    printf("  %-24s %s\n\nExample: %s\n", "--help", "print this and stop", spec->example);
}

int hd_cli_wrong(const hd_cli *cli, const char *fmt, ...) {
    char text[HD_MSG_SZ];
    hd_msg msg;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hd_msg_set(&msg, "heddle %s: %.400s (see heddle %s --help)", cli->spec->command, text,
               cli->spec->command);
    fprintf(stderr, "%s\n", msg.text);
    return HD_EXIT_USAGE;
}

int hd_cli_next(hd_cli *cli) {
    const hd_cli_spec *spec = cli->spec;
    if (cli->idx >= cli->argc)
        return HD_CLI_END;
    char *arg = cli->argv[cli->idx++];
    cli->value = arg;
    cli->option = NULL;
    if (cli->is_only_paths || arg[0] != '-' || arg[1] == 0)
        return HD_CLI_ARG;
    if (strcmp(arg, "--") == 0) {
        cli->is_only_paths = 1;
        return hd_cli_next(cli);
    }
    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        print_help(spec);
        return HD_CLI_HELP;
    }
    const char *equals = strchr(arg, '=');
    size_t name_sz = equals ? (size_t)(equals - arg) : strlen(arg);
    for (size_t i = 0; i < spec->option_cnt; i++) {
        const hd_cli_option *option = &spec->options[i];
        if (strlen(option->name) != name_sz || memcmp(option->name, arg, name_sz) != 0)
            continue;
        cli->option = option->name;
        cli->value = NULL;
        if (!option->arg && equals) {
            hd_cli_wrong(cli, "%s takes no value", option->name);
            return HD_CLI_WRONG;
        }
        if (!option->arg)
            return option->id;
        if (equals) {
            cli->value = equals + 1;
        } else if (cli->idx < cli->argc) {
            cli->value = cli->argv[cli->idx++];
        } else {
            hd_cli_wrong(cli, "%s needs a value: %s %s", option->name, option->name, option->arg);
            return HD_CLI_WRONG;
        }
        return option->id;
    }
    hd_cli_wrong(cli, "unknown option %.100s", arg);
    return HD_CLI_WRONG;
}

int hd_cli_num(hd_hash *out, const hd_cli *cli) {
    const char *text = cli->value, *reason = NULL;
    size_t sz = strlen(text);
    hd_err err = sz >= 2 && text[0] == '0' && text[1] == 'x'
                     ? hd_hex_parse_num(out->b, sizeof out->b, &reason, text, sz)
                     : hd_dec_parse_num(out->b, sizeof out->b, &reason, text, sz);
    if (err == HD_OK)
        return 1;
    hd_cli_wrong(cli, "%s expects a number, not \"%.80s\": %s", cli->option, text, reason);
    return 0;
}

int hd_cli_u64(uint64_t *out, const hd_cli *cli, uint64_t min, uint64_t max) {
    hd_hash word;
    if (!hd_cli_num(&word, cli))
        return 0;
    uint8_t high = 0;
    for (size_t i = 0; i < 24; i++)
        high |= word.b[i];
    *out = hd_load_be64(word.b + 24);
    if (!high && *out >= min && *out <= max)
        return 1;
    hd_cli_wrong(cli, "%s expects a number from %llu to %llu, not \"%.80s\"", cli->option,
                 (unsigned long long)min, (unsigned long long)max, cli->value);
    return 0;
}

int hd_cli_address(hd_address *out, const hd_cli *cli) {
    const char *reason = NULL;
    if (hd_hex_decode_exact(out->b, sizeof out->b, &reason, cli->value, strlen(cli->value)) ==
        HD_OK)
        return 1;
    hd_cli_wrong(cli, "%s expects an address (0x and 40 digits), not \"%.80s\": %s", cli->option,
                 cli->value, reason);
    return 0;
}

int hd_cli_backend(uint32_t *out, const hd_cli *cli, int is_both_allowed) {
    static const struct {
        const char *name;
        uint32_t backend;
    } table[] = {{"auto", HD_BACKEND_AUTO},
                 {"host", HD_BACKEND_HOST},
                 {"cuda", HD_BACKEND_CUDA},
                 {"tiled", HD_BACKEND_TILED},
                 {"both", HD_CLI_BACKEND_BOTH}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(cli->value, table[i].name) == 0 &&
            (is_both_allowed || table[i].backend != HD_CLI_BACKEND_BOTH)) {
            *out = table[i].backend;
            return 1;
        }
    hd_cli_wrong(cli, "%s expects auto, host, cuda%s or tiled, not \"%.80s\"", cli->option,
                 is_both_allowed ? ", both" : "", cli->value);
    return 0;
}

uint32_t hd_cli_ordered_flags(uint32_t backend) {
    int is_device = backend == HD_BACKEND_CUDA || backend == HD_BACKEND_TILED;
    return is_device ? HD_ORDERED_NEVER_SERIAL : 0;
}

int hd_cli_fork(uint32_t *out, const hd_cli *cli) {
    if (hd_fork_from_name(out, cli->value, strlen(cli->value)))
        return 1;
    hd_cli_wrong(cli, "%s: unknown fork \"%.80s\" (Frontier to Osaka)", cli->option, cli->value);
    return 0;
}

int hd_cli_walk(hd_file_list *out, const char *command, char **paths, size_t path_cnt) {
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < path_cnt; i++) {
        hd_file_list list;
        hd_msg msg = {""};
        hd_err err = hd_file_walk(&list, &msg, paths[i], ".json");
        if (err == HD_OK && list.path_cnt == 0)
            hd_msg_set(&msg, "%s: holds no .json file", paths[i]);
        char **all = NULL;
        if (err == HD_OK && list.path_cnt) {
            all = realloc(out->paths, (out->path_cnt + list.path_cnt) * sizeof *all);
            if (!all)
                hd_msg_set(&msg, "%s: %s", paths[i], hd_err_name(HD_ERR_NOMEM));
        }
        if (!all) {
            fprintf(stderr, "heddle %s: %s\n", command, msg.text);
            hd_file_list_free(&list);
            hd_file_list_free(out);
            return HD_EXIT_USAGE;
        }
        memcpy(all + out->path_cnt, list.paths, list.path_cnt * sizeof *all);
        out->paths = all;
        out->path_cnt += list.path_cnt;
        free(list.paths); /* the strings moved to out */
    }
    return HD_EXIT_OK;
}

/* --- threads */

#define STACK_SZ ((size_t)16 << 20) /* precompiles keep large frames */

typedef struct {
    hd_cli_fn *fn;
    void *ctx;
    size_t cnt;
    atomic_size_t next_idx;
} parallel_job;

typedef struct {
    parallel_job *job;
    pthread_t thread;
    uint32_t idx;
} parallel_worker;

static void *parallel_main(void *arg) {
    parallel_worker *w = arg;
    for (size_t i; (i = atomic_fetch_add(&w->job->next_idx, 1)) < w->job->cnt;)
        w->job->fn(w->job->ctx, i, w->idx);
    return NULL;
}

hd_err hd_cli_parallel(uint32_t thread_cnt, size_t cnt, hd_cli_fn *fn, void *ctx) {
    parallel_job job = {fn, ctx, cnt, 0};
    parallel_worker *workers = calloc(thread_cnt, sizeof *workers);
    pthread_attr_t attr;
    uint32_t started_cnt = 0;
    if (!workers)
        return HD_ERR_NOMEM;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SZ);
    for (; started_cnt < thread_cnt; started_cnt++) {
        workers[started_cnt].job = &job;
        workers[started_cnt].idx = started_cnt;
        if (pthread_create(&workers[started_cnt].thread, &attr, parallel_main,
                           &workers[started_cnt]) != 0)
            break;
    }
    pthread_attr_destroy(&attr);
    for (uint32_t i = 0; i < started_cnt; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
    return started_cnt ? HD_OK : HD_ERR_NOMEM; /* fewer threads do all the work, too */
}

/* --- report */

#define FAILURES_SHOWN 20u

void hd_cli_put_str(hd_buf *buf, const char *str, size_t str_sz) {
    hd_buf_append_byte(buf, '"');
    for (size_t i = 0; i < str_sz; i++) {
        uint8_t c = (uint8_t)str[i];
        if (c == '"' || c == '\\') {
            hd_buf_append_byte(buf, '\\');
            hd_buf_append_byte(buf, c);
        } else if (c < 0x20 || c == 0x7f) {
            hd_buf_printf(buf, "\\u%04x", c);
        } else {
            hd_buf_append_byte(buf, c);
        }
    }
    hd_buf_append_byte(buf, '"');
}

void hd_cli_put_case(hd_cli_part *part, const hd_cli_case_name *k, const char *extra, int outcome,
                     const char *why) {
    hd_buf *buf = &part->objects;
    if (part->object_cnt++)
        hd_buf_append_str(buf, ",\n");
    hd_buf_append_str(buf, "{\"name\":");
    hd_cli_put_str(buf, k->name, strlen(k->name));
    hd_buf_append_str(buf, ",\"file\":");
    hd_cli_put_str(buf, k->path, strlen(k->path));
    hd_buf_append_str(buf, ",\"fork\":");
    hd_cli_put_str(buf, k->fork, strlen(k->fork));
    if (!k->is_whole)
        hd_buf_printf(buf, ",\"index\":[%u,%u,%u]", k->index[0], k->index[1], k->index[2]);
    hd_buf_printf(buf, ",\"pass\":%s,\"skipped\":%s", outcome == HD_CLI_PASSED ? "true" : "false",
                  outcome == HD_CLI_SKIPPED ? "true" : "false");
    hd_buf_append_str(buf, extra);
    hd_buf_append_str(buf, ",\"error\":");
    if (outcome == HD_CLI_PASSED)
        hd_buf_append_str(buf, "null");
    else
        hd_cli_put_str(buf, why, strlen(why));
    hd_buf_append_byte(buf, '}');
    if (outcome == HD_CLI_SKIPPED) {
        part->skipped_cnt++;
    } else if (outcome == HD_CLI_PASSED) {
        part->passed_cnt++;
    } else if (part->failed_cnt++ < FAILURES_SHOWN) {
        hd_msg line;
        if (k->is_whole)
            hd_msg_set(&line, "%.160s: %.100s %s: %.200s", k->path, k->name, k->fork, why);
        else
            hd_msg_set(&line, "%.160s: %.100s %s [%u,%u,%u]: %.200s", k->path, k->name, k->fork,
                       k->index[0], k->index[1], k->index[2], why);
        hd_buf_printf(&part->messages, "%s\n", line.text);
    }
}

void hd_cli_put_bad(hd_cli_part *part, const char *fmt, ...) {
    char text[HD_MSG_SZ];
    hd_msg line;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hd_msg_set(&line, "%s", text);
    hd_buf_printf(&part->messages, "%s\n", line.text);
    part->bad_input_cnt++;
}

void hd_cli_report_begin(hd_cli_report *report) {
    memset(report, 0, sizeof *report);
    pthread_mutex_init(&report->mutex, NULL);
    fputs("[", stdout);
}

void hd_cli_report_add(hd_cli_report *report, const hd_buf *objects, uint64_t object_cnt) {
    if (object_cnt) {
        fputs(report->printed_cnt ? ",\n" : "\n", stdout);
        fwrite(objects->data, 1, objects->sz, stdout);
    }
    report->printed_cnt += object_cnt;
}

void hd_cli_report_parts(hd_cli_report *report, hd_cli_part *parts, size_t part_cnt) {
    report->parts = parts;
    report->part_cnt = part_cnt;
}

static void print_part(hd_cli_report *report, hd_cli_part *part) {
    hd_cli_report_add(report, &part->objects, part->object_cnt);
    if (part->objects.err != HD_OK || part->messages.err != HD_OK) {
        fprintf(stderr, "%s\n", hd_err_name(HD_ERR_NOMEM));
        part->bad_input_cnt++;
    }
    /* The first failures are enough to start with; all are on standard output. */
    if (report->failed_cnt < FAILURES_SHOWN || part->bad_input_cnt)
        fputs(hd_buf_str(&part->messages), stderr);
    report->passed_cnt += part->passed_cnt;
    report->failed_cnt += part->failed_cnt;
    report->skipped_cnt += part->skipped_cnt;
    report->bad_input_cnt += part->bad_input_cnt;
    hd_buf_free(&part->objects);
    hd_buf_free(&part->messages);
}

void hd_cli_report_part(hd_cli_report *report, size_t idx) {
    pthread_mutex_lock(&report->mutex);
    report->parts[idx].is_done = 1;
    while (report->next_idx < report->part_cnt && report->parts[report->next_idx].is_done)
        print_part(report, &report->parts[report->next_idx++]);
    pthread_mutex_unlock(&report->mutex);
}

int hd_cli_report_end(hd_cli_report *report, const char *command) {
    fputs(report->printed_cnt ? "\n]\n" : "]\n", stdout);
    int is_written = fflush(stdout) == 0 && !ferror(stdout);
    int is_empty = report->passed_cnt + report->failed_cnt == 0;
    if (!is_written)
        fprintf(stderr, "heddle %s: standard output cannot be written\n", command);
    if (is_empty && !report->bad_input_cnt)
        fprintf(stderr, "heddle %s: no case to run\n", command);
    fprintf(stderr, "%llu passed, %llu failed, %llu skipped\n",
            (unsigned long long)report->passed_cnt, (unsigned long long)report->failed_cnt,
            (unsigned long long)report->skipped_cnt);
    pthread_mutex_destroy(&report->mutex);
    if (!is_written || report->bad_input_cnt || is_empty)
        return HD_EXIT_USAGE;
    return report->failed_cnt ? HD_EXIT_FAILED : HD_EXIT_OK;
}
