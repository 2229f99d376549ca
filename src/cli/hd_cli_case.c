/* hd_cli_case.c - what test commands share. */
#include "cli/hd_cli_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_case(hd_cli_report *report, const char *file, const char *name, hd_buf *error) {
    hd_buf buf;
    hd_buf_init(&buf);
    hd_buf_append_str(&buf, "{\"name\":");
    hd_cli_put_str(&buf, name, strlen(name));
    hd_buf_append_str(&buf, ",\"file\":");
    hd_cli_put_str(&buf, file, strlen(file));
    hd_buf_printf(&buf, ",\"pass\":%s,\"skipped\":false,\"error\":", error->sz ? "false" : "true");
    hd_cli_put_str(&buf, hd_buf_str(error), error->sz);
    hd_buf_append_byte(&buf, '}');
    if (error->sz)
        report->failed_cnt++;
    else
        report->passed_cnt++;
    if (buf.err == HD_OK)
        hd_cli_report_add(report, &buf, 1);
    else
        report->bad_input_cnt++; /* a case that is not in the report must not look like success */
    hd_buf_free(&buf);
}

static void put_unreadable(hd_cli_report *report, const char *command, const hd_msg *msg) {
    report->bad_input_cnt++;
    fprintf(stderr, "heddle %s: %s\n", command, msg->text);
}

static void run_file(hd_cli_report *report, const char *command, const char *path,
                     hd_cli_case_fn *run) {
    hd_json_doc *doc;
    hd_json root;
    hd_msg msg = {""};
    hd_err err = hd_json_load(&doc, &root, &msg, path, HD_FILE_SZ_MAX, HD_JSON_DEPTH_DEFAULT);
    if (err != HD_OK) {
        put_unreadable(report, command, &msg);
        return;
    }
    if (!hd_json_is_object(root)) {
        hd_json_fail(&msg, root, "an object of cases is expected");
        put_unreadable(report, command, &msg);
        hd_json_close(doc);
        return;
    }
    for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it);) {
        hd_buf error;
        hd_buf_init(&error);
        msg.text[0] = 0;
        err = run(&error, &msg, path, it.val);
        if (err == HD_OK)
            err = error.err;
        if (err != HD_OK && !msg.text[0])
            hd_msg_set(&msg, "%s: %s: %s", path, it.key, hd_err_name(err));
        if (err != HD_OK)
            put_unreadable(report, command, &msg);
        else
            put_case(report, path, it.key, &error);
        hd_buf_free(&error);
    }
    hd_json_close(doc);
}

int hd_cli_case_main(const hd_cli_spec *spec, int argc, char **argv, hd_cli_case_fn *run) {
    hd_cli cli;
    hd_file_list files;
    hd_cli_report report;
    char **paths = (char **)calloc((size_t)argc + 1, sizeof *paths);
    size_t path_cnt = 0;
    int status, got;
    if (!paths) {
        fprintf(stderr, "heddle %s: %s\n", spec->command, hd_err_name(HD_ERR_NOMEM));
        return HD_EXIT_USAGE;
    }
    hd_cli_init(&cli, spec, argc, argv);
    while ((got = hd_cli_next(&cli)) == HD_CLI_ARG)
        paths[path_cnt++] = (char *)cli.value;
    if (got == HD_CLI_HELP)
        status = HD_EXIT_OK;
    else if (got != HD_CLI_END)
        status = HD_EXIT_USAGE;
    else if (path_cnt == 0)
        status = hd_cli_wrong(&cli, "a file or folder is needed");
    else
        status = hd_cli_walk(&files, spec->command, paths, path_cnt);
    if (got == HD_CLI_END && status == HD_EXIT_OK) {
        hd_cli_report_begin(&report);
        for (size_t i = 0; i < files.path_cnt; i++)
            run_file(&report, spec->command, files.paths[i], run);
        status = hd_cli_report_end(&report, spec->command);
        hd_file_list_free(&files);
    }
    free(paths);
    return status;
}

/* ---- test commands with options of their own ---- */

int hd_cli_suite_files(hd_file_list *out, const hd_cli *cli, char **paths, size_t path_cnt) {
    if (path_cnt == 0)
        return hd_cli_wrong(cli, "a file or folder is expected");
    return hd_cli_walk(out, cli->spec->command, paths, path_cnt);
}

hd_exec *hd_cli_suite_device(const char *command) {
    const hd_exec_options options = {HD_BACKEND_CUDA, 0, NULL, NULL};
    hd_exec *device = NULL;
    hd_err err = hd_exec_open(&device, &options);
    if (err == HD_OK)
        return device;
    if (command)
        fprintf(stderr, "heddle %s: --backend cuda: %s\n", command,
                err == HD_ERR_ABSENT ? "no usable device, or built without CUDA"
                                     : hd_err_name(err));
    return NULL;
}

int hd_cli_suite_fail(const char *command, hd_err err) {
    fprintf(stderr, "heddle %s: %s\n", command, hd_err_name(err));
    return HD_EXIT_USAGE;
}

int hd_cli_suite_run(const hd_cli_suite *suite, hd_cli_fn *fn, void *ctx) {
    char what[64];
    snprintf(what, sizeof what, "%s files", suite->command);
    hd_cli_report_begin(suite->report);
    hd_cli_report_parts(suite->report, suite->parts, suite->part_cnt);
    hd_progress_init(suite->progress, what, suite->file_cnt);
    hd_err err = hd_cli_parallel(suite->thread_cnt, suite->part_cnt, fn, ctx);
    hd_progress_end(suite->progress);
    int status = hd_cli_report_end(suite->report, suite->command);
    return err == HD_OK ? status : hd_cli_suite_fail(suite->command, err);
}
