/* hd_t8n_server.c - `heddle t8n-server`: t8n over HTTP, as execution-spec-tests asks for it.

   POST {state: {fork, chainid, reward}, input: {alloc, env, txs}} answers {alloc, body, result}.
   Each connection is served by a child process with limits on memory, processor and waiting time:
   whatever a request does, the server lives on, and the peer gets an answer. */
#define _GNU_SOURCE /* ppoll */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "cli/hd_http.h"
#include "cli/hd_t8n.h"
#include "evm/hd_tx_codec.h"

#define CHILDREN_MAX 256u
#define REQUEST_DEPTH_MAX 64u
#define SEND_SECONDS 60u
#define MIB ((uint64_t)1 << 20)

enum { OPT_LISTEN = 1, OPT_UNIX, OPT_BODY_MAX, OPT_MEMORY_MAX, OPT_SECONDS, OPT_WAIT, OPT_WORKERS };

static const hd_cli_option options[] = {
    {"--listen", "HOST:PORT", "address to listen on (default 127.0.0.1:8560; port 0: any)",
     OPT_LISTEN},
    {"--unix", "PATH", "listen on a socket in the file system instead", OPT_UNIX},
    {"--workers", "N", "requests at a time (default 16)", OPT_WORKERS},
    {"--body-max", "MIB", "largest request (default 256)", OPT_BODY_MAX},
    {"--memory-max", "MIB", "memory of one request (default 4096)", OPT_MEMORY_MAX},
    {"--seconds-max", "N", "processor time of one request (default 120)", OPT_SECONDS},
    {"--wait-max", "N", "seconds a client may take to send its request (default 30)", OPT_WAIT},
};

static const hd_cli_spec spec = {
    .command = "t8n-server",
    .usage = "[OPTION...]",
    .about = "Answers POST {state: {fork, chainid, reward}, input: {alloc, env, txs}} with\n"
             "{alloc, body, result}, as heddle t8n does it; errors are {error, exitCode}.",
    .example = "heddle t8n-server --listen 127.0.0.1:8560",
    .options = options,
    .option_cnt = sizeof options / sizeof options[0]};

typedef struct {
    const char *listen;
    const char *unix_path;
    uint64_t body_max_mib, memory_max_mib, seconds_max, wait_max, workers;
} arguments;

/* A connection whose child is at work. The server keeps the socket, to answer should the child die.
 */
typedef struct {
    pid_t pid;
    int fd;
} child;

typedef struct {
    const arguments *args;
    int listen_fd;
    child children[CHILDREN_MAX];
    size_t child_cnt;
} server;

static volatile sig_atomic_t is_stopping;

static void on_stop(int sig) {
    (void)sig;
    is_stopping = 1;
}

/* Only there so that a child's end wakes ppoll. */
static void on_child(int sig) { (void)sig; }

/* ---- in the child: one request ---- */

static hd_err read_state(hd_t8n_options *out, hd_msg *msg, hd_json state) {
    hd_json val;
    hd_err err = hd_json_get_str(&out->fork, NULL, msg, state, "fork");
    if (err == HD_OK && hd_json_find(&val, state, "chainid"))
        err = hd_json_u64(&out->chain_id, msg, val);
    if (err != HD_OK || !hd_json_find(&val, state, "reward"))
        return err;
    const char *text = "";
    if (hd_json_is_string(val))
        err = hd_json_str(&text, NULL, msg, val);
    int is_none = json_object_is_type(val.obj, json_type_int) ? json_object_get_int64(val.obj) == -1
                                                              : strcmp(text, "-1") == 0;
    uint64_t reward = 0;
    if (err == HD_OK && !is_none)
        err = hd_json_u64(&reward, msg, val);
    if (err == HD_OK && reward > INT64_MAX)
        err = hd_json_fail(msg, val, "a reward below 2^63 is expected");
    out->reward_wei = is_none ? -1 : (int64_t)reward;
    return err;
}

static hd_err read_request(hd_t8n_input *in, hd_t8n_options *out, hd_msg *msg, hd_json root) {
    hd_json state, input;
    if (!hd_json_is_object(root))
        return hd_json_fail(msg, root, "an object with \"state\" and \"input\" is expected");
    hd_err err = hd_json_get(&state, msg, root, "state");
    if (err == HD_OK)
        err = read_state(out, msg, state);
    if (err == HD_OK)
        err = hd_json_get(&input, msg, root, "input");
    if (err == HD_OK)
        err = hd_json_get(&in->alloc, msg, input, "alloc");
    if (err == HD_OK)
        err = hd_json_get(&in->env, msg, input, "env");
    if (err == HD_OK && !hd_json_find(&in->txs, input, "txs"))
        in->txs.obj = NULL;
    if (err == HD_OK && !hd_json_find(&in->tx_rlp, input, "txRlp"))
        in->tx_rlp.obj = NULL;
    if (err == HD_OK && !hd_json_find(&in->blob_params, input, "blobParams"))
        in->blob_params.obj = NULL;
    return err;
}

static void answer_failure(int fd, int exit_code, const char *text) {
    hd_buf json = {0};
    hd_buf_append_str(&json, "{\"error\":");
    hd_cli_put_str(&json, text, strlen(text));
    hd_buf_printf(&json, ",\"exitCode\":%d}\n", exit_code);
    if (json.err == HD_OK)
        hd_http_answer(fd, exit_code == HD_T8N_EVM ? 500 : 400, json.data, json.sz);
    hd_buf_free(&json);
}

static void answer_output(int fd, const hd_t8n_output *output) {
    hd_buf json = {0};
    hd_buf_append_str(&json, "{\"alloc\":");
    hd_buf_append(&json, output->alloc.data, output->alloc.sz);
    hd_buf_append_str(&json, ",\"body\":\"0x");
    hd_buf_append_hex(&json, output->body.data, output->body.sz);
    hd_buf_append_str(&json, "\",\"result\":");
    hd_buf_append(&json, output->result.data, output->result.sz);
    hd_buf_append_str(&json, "}\n");
    alarm(SEND_SECONDS);
    if (json.err == HD_OK)
        hd_http_answer(fd, 200, json.data, json.sz);
    else
        answer_failure(fd, HD_T8N_EVM, "out of memory");
    hd_buf_free(&json);
}

static void serve_body(int fd, const hd_buf *body) {
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_msg msg = {""};
    hd_t8n_input input = {0};
    hd_t8n_options run = {.chain_id = 1};
    hd_t8n_output output = {0};
    const hd_exec_options exec_options = {.backend = HD_BACKEND_HOST, .threads = 1};
    int status = HD_T8N_JSON;
    hd_err err = hd_json_parse(&doc, &root, &msg, "request", (const char *)body->data, body->sz,
                               REQUEST_DEPTH_MAX);
    if (err == HD_OK)
        err = read_request(&input, &run, &msg, root);
    if (err == HD_OK) {
        err = hd_exec_open(&run.exec, &exec_options);
        if (err != HD_OK)
            hd_msg_set(&msg, "%s", hd_err_name(err));
        status = err == HD_OK ? hd_t8n_run(&output, &input, &run) : HD_T8N_EVM;
        if (err == HD_OK)
            msg = output.msg;
    }
    if (err == HD_OK && status == HD_T8N_OK) {
        answer_output(fd, &output);
    } else {
        alarm(SEND_SECONDS);
        answer_failure(fd, status, msg.text);
    }
    hd_t8n_output_free(&output);
    hd_exec_close(run.exec);
    hd_json_close(doc);
}

/* Sanitizers reserve terabytes of addresses: there the limit would stop everything. */
static void limit_memory(uint64_t mib) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct rlimit memory = {mib * MIB, mib * MIB};
    setrlimit(RLIMIT_AS, &memory);
#else
    (void)mib;
#endif
}

static void serve(int fd, const arguments *args) {
    struct rlimit cpu = {args->seconds_max, args->seconds_max + 1};
    struct rlimit core = {0, 0};
    limit_memory(args->memory_max_mib);
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &core);
    alarm((unsigned)args->wait_max); /* its signal ends this process */
    hd_http_request request = {0};
    int status = hd_http_read(&request, fd, args->body_max_mib * MIB);
    alarm(0);
    if (status == 200 && strcmp(request.method, "GET") == 0)
        hd_http_answer(fd, 200, "{\"status\":\"ok\"}\n", 16);
    else if (status == 200 && strcmp(request.method, "POST") != 0)
        hd_http_error(fd, 405, "POST is expected");
    else if (status == 200)
        serve_body(fd, &request.body);
    else if (status != 0)
        hd_http_error(fd, status, hd_http_reason(status));
    hd_buf_free(&request.body);
}

/* ---- in the server: connections and children ---- */

/* A child that was killed has not answered: tell the peer why, without waiting for it. */
static void answer_for(int fd, int wait_status) {
    int sig = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    int status = sig == SIGALRM ? 408 : sig == SIGXCPU ? 503 : 500;
    const char *text = sig == SIGALRM   ? "the request took too long to arrive"
                       : sig == SIGXCPU ? "the request needs more processor time than is allowed"
                                        : "the request could not be processed";
    char json[160], answer[512];
    int json_sz = snprintf(json, sizeof json, "{\"error\":\"%s\",\"exitCode\":2}\n", text);
    int sz = snprintf(answer, sizeof answer,
                      "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                      "Connection: close\r\n\r\n%s",
                      status, hd_http_reason(status), json_sz, json);
    if (send(fd, answer, (size_t)sz, MSG_DONTWAIT | MSG_NOSIGNAL) == sz)
        shutdown(fd, SHUT_WR);
}

static void reap(server *s) {
    for (size_t i = 0; i < s->child_cnt;) {
        int status;
        pid_t pid = waitpid(s->children[i].pid, &status, WNOHANG);
        if (pid == 0 || (pid < 0 && errno == EINTR)) {
            i++;
            continue;
        }
        if (pid > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
            answer_for(s->children[i].fd, status);
        close(s->children[i].fd);
        s->children[i] = s->children[--s->child_cnt];
    }
}

static void start_child(server *s, int fd) {
    pid_t pid = fork();
    if (pid < 0) {
        answer_for(fd, 0);
        close(fd);
        return;
    }
    if (pid > 0) {
        s->children[s->child_cnt].pid = pid;
        s->children[s->child_cnt++].fd = fd;
        return;
    }
    sigset_t none;
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(s->listen_fd);
    for (size_t i = 0; i < s->child_cnt; i++)
        close(s->children[i].fd);
    serve(fd, s->args);
    close(fd);
    _exit(0);
}

/* The listening socket does not block: a peer may be gone again before it is accepted. */
static void accept_one(server *s) {
    int fd = accept(s->listen_fd, NULL, NULL);
    if (fd >= 0)
        start_child(s, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        poll(NULL, 0, 50); /* until a child ends: no use in asking again at once */
}

static int run_server(server *s) {
    struct sigaction stop = {.sa_handler = on_stop}, ended = {.sa_handler = on_child};
    sigset_t blocked, waiting;
    /* Signals are only let in while waiting, so that none is lost between a check and the wait. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGCHLD, &ended, NULL);
    while (!is_stopping) {
        struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};
        nfds_t cnt = s->child_cnt < s->args->workers ? 1 : 0;
        int ready = ppoll(&p, cnt, NULL, &waiting);
        reap(s);
        if (ready == 1 && !is_stopping)
            accept_one(s);
    }
    for (size_t i = 0; i < s->child_cnt; i++)
        kill(s->children[i].pid, SIGTERM);
    for (size_t i = 0; i < s->child_cnt; i++) {
        waitpid(s->children[i].pid, NULL, 0);
        close(s->children[i].fd);
    }
    return HD_EXIT_OK;
}

/* ---- listening ---- */

static int fail(const char *what, const char *where, const char *why) {
    fprintf(stderr, "heddle t8n-server: %s %s: %s\n", what, where, why);
    return -1;
}

static int listen_unix(const char *path) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof addr.sun_path)
        return fail("cannot listen on", path, "the path is too long");
    strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail("cannot listen on", path, strerror(errno));
    /* A socket that a killed server left behind is in the way; one that answers is not ours. */
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0) {
            close(fd);
            return fail("cannot listen on", path, "another server answers there");
        }
        unlink(path);
        close(fd);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    mode_t old = umask(0077);
    int is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0;
    umask(old);
    if (is_bound && listen(fd, 128) == 0) {
        fprintf(stderr, "heddle t8n-server: listening on unix:%s\n", path);
        return fd;
    }
    int status = fail("cannot listen on", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return status;
}

/* split_address takes HOST:PORT or [HOST]:PORT apart. */
static int split_address(char host[256], char port[16], const char *text) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || strlen(colon + 1) >= 16 || !colon[1] ||
        (size_t)(colon - text) >= 256)
        return 0;
    size_t sz = (size_t)(colon - text);
    if (text[0] == '[' && text[sz - 1] == ']') {
        text++;
        sz -= 2;
    } else if (memchr(text, ':', sz)) {
        return 0;
    }
    memcpy(host, text, sz);
    host[sz] = 0;
    strcpy(port, colon + 1);
    return sz > 0 && strspn(port, "0123456789") == strlen(port) && strtoul(port, NULL, 10) < 65536;
}

static void say_address(int fd) {
    struct sockaddr_storage addr;
    socklen_t sz = sizeof addr;
    char host[256] = "?", port[16] = "?";
    if (getsockname(fd, (struct sockaddr *)&addr, &sz) == 0)
        getnameinfo((struct sockaddr *)&addr, sz, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    fprintf(stderr,
            strchr(host, ':') ? "heddle t8n-server: listening on [%s]:%s\n"
                              : "heddle t8n-server: listening on %s:%s\n",
            host, port);
}

static int listen_tcp(const hd_cli *cli, const char *text) {
    char host[256], port[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    if (!split_address(host, port, text)) {
        hd_cli_wrong(cli, "--listen expects HOST:PORT, not \"%.100s\"", text);
        return -1;
    }
    int err = getaddrinfo(host, port, &hints, &list);
    if (err != 0)
        return fail("cannot listen on", text, gai_strerror(err));
    int on = 1, type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(list->ai_family, type, 0);
    int is_open = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                  bind(fd, list->ai_addr, list->ai_addrlen) == 0 && listen(fd, 128) == 0;
    int saved = errno;
    freeaddrinfo(list);
    if (is_open) {
        say_address(fd);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return fail("cannot listen on", text, strerror(saved));
}

static int set_option(arguments *args, const hd_cli *cli, int id) {
    switch (id) {
    case OPT_LISTEN: args->listen = cli->value; return 1;
    case OPT_UNIX: args->unix_path = cli->value; return 1;
    case OPT_WORKERS: return hd_cli_u64(&args->workers, cli, 1, CHILDREN_MAX);
    case OPT_BODY_MAX: return hd_cli_u64(&args->body_max_mib, cli, 1, 16384);
    case OPT_MEMORY_MAX: return hd_cli_u64(&args->memory_max_mib, cli, 64, 1u << 20);
    case OPT_SECONDS: return hd_cli_u64(&args->seconds_max, cli, 1, 86400);
    default: return hd_cli_u64(&args->wait_max, cli, 1, 86400);
    }
}

/* libsecp256k1 builds its tables on first use: once here serves all children. */
static void warm_up(void) {
    const uint8_t secret[32] = {[31] = 1};
    hd_address ignored;
    hd_ecdsa_address(&ignored, secret);
}

int hd_cmd_t8n_server(int argc, char **argv) {
    arguments args = {.body_max_mib = 256,
                      .memory_max_mib = 4096,
                      .seconds_max = 120,
                      .wait_max = 30,
                      .workers = 16};
    hd_cli cli;
    int id;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        if (id == HD_CLI_HELP)
            return HD_EXIT_OK;
        if (id == HD_CLI_WRONG)
            return HD_EXIT_USAGE;
        if (id == HD_CLI_ARG)
            return hd_cli_wrong(&cli, "unexpected argument \"%.80s\"", cli.value);
        if (!set_option(&args, &cli, id))
            return HD_EXIT_USAGE;
    }
    if (args.listen && args.unix_path)
        return hd_cli_wrong(&cli, "--listen and --unix exclude each other");
    server *s = calloc(1, sizeof *s);
    if (!s)
        return HD_EXIT_USAGE;
    s->args = &args;
    warm_up();
    s->listen_fd = args.unix_path ? listen_unix(args.unix_path)
                                  : listen_tcp(&cli, args.listen ? args.listen : "127.0.0.1:8560");
    int status = s->listen_fd >= 0 ? run_server(s) : HD_EXIT_USAGE;
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
        if (args.unix_path)
            unlink(args.unix_path);
    }
    free(s);
    return status;
}
