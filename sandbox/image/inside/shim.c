/*
 * The one program of Pawl that runs inside a cell, under two names.
 *
 * As `enter` it starts the entry points one after another and reports how each one ended. Under any
 * other name it stands over a command, tells the keeper of each call, and does what the keeper
 * answers: run it, or let it go wrong. What the shim says is signed with a key that only this file
 * holds; the file has mode 0111, so the kernel makes the process non-dumpable and neither the file
 * nor the memory can be read from inside. The keeper lives in another container: it counts calls,
 * works out their effects and decides what is undone. Nothing here judges.
 *
 * Wire format: the keeper sends a nonce line; the shim answers "HMAC JSON\n"; the keeper answers with
 * words on a line (for `cut` and `short` with several lines, the last one "end").
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOME "/usr/lib/pawl/"
#define CELL HOME "cell/"
#define ARGUMENT_CAP (64 * 1024)
#define STREAM_CAP (16 * 1024 * 1024)
#define NO_KEEPER 97

/* Replaced by 64 random hex digits when an engine starts; volatile, so that it is read, not folded. */
static volatile const char KEY[64] =
    "@@PAWL-KEY@@0000000000000000000000000000000000000000000000000000";

/* ---- SHA-256 (FIPS 180-4) and HMAC (RFC 2104); the key is exactly one block long ---- */

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

typedef struct {
    uint32_t h[8];
    uint64_t length;
    uint8_t block[64];
} Hash;

static uint32_t turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void hash_block(Hash *s, const uint8_t *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(v, s->h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25);
        uint32_t a = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22);
        uint32_t t = v[7] + e + ((v[4] & v[5]) ^ (~v[4] & v[6])) + ROUND[i] + w[i];
        uint32_t u = a + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t;
        v[0] = t + u;
    }
    for (int i = 0; i < 8; i++) s->h[i] += v[i];
}

static void hash_start(Hash *s) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(s->h, first, sizeof first);
    s->length = 0;
}

static void hash_add(Hash *s, const void *data, size_t n) {
    for (const uint8_t *p = data; n; n--) {
        s->block[s->length++ % 64] = *p++;
        if (s->length % 64 == 0) hash_block(s, s->block);
    }
}

static void hash_end(Hash *s, uint8_t out[32]) {
    uint64_t bits = s->length * 8;
    uint8_t last[8];
    hash_add(s, "\x80", 1);
    while (s->length % 64 != 56) hash_add(s, "", 1);
    for (int i = 0; i < 8; i++) last[i] = (uint8_t)(bits >> (56 - 8 * i));
    hash_add(s, last, 8);
    for (int i = 0; i < 32; i++) out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

/* hex of HMAC(KEY, nonce + text) */
static void sign(const char *nonce, const char *text, size_t n, char hex[65]) {
    uint8_t pad[64], inner[32];
    Hash s;
    for (int i = 0; i < 64; i++) pad[i] = (uint8_t)(KEY[i] ^ 0x36);
    hash_start(&s);
    hash_add(&s, pad, 64);
    hash_add(&s, nonce, strlen(nonce));
    hash_add(&s, text, n);
    hash_end(&s, inner);
    for (int i = 0; i < 64; i++) pad[i] = (uint8_t)(KEY[i] ^ 0x5c);
    hash_start(&s);
    hash_add(&s, pad, 64);
    hash_add(&s, inner, 32);
    hash_end(&s, inner);
    for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", inner[i]);
}

/* ---- a growing text ---- */

typedef struct {
    char *at;
    size_t length, room;
} Text;

static void add(Text *t, const char *s, size_t n) {
    if (t->length + n + 1 > t->room) {
        t->room = (t->length + n + 1) * 2;
        t->at = realloc(t->at, t->room);
        if (!t->at) _exit(NO_KEEPER);
    }
    memcpy(t->at + t->length, s, n);
    t->length += n;
    t->at[t->length] = 0;
}

static void say(Text *t, const char *s) { add(t, s, strlen(s)); }

/* a JSON string in which each byte is one code point: the keeper turns it back into bytes */
static void quote(Text *t, const char *s, size_t most) {
    char code[8];
    say(t, "\"");
    for (; *s && most; s++, most--) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f) {
            sprintf(code, "\\u%04x", c);
            add(t, code, 6);
        } else
            add(t, s, 1);
    }
    say(t, "\"");
}

/* ---- talking to the keeper ---- */

static int write_all(int f, const char *p, size_t n) {
    while (n) {
        ssize_t x = write(f, p, n);
        if (x < 0 && errno == EINTR) continue;
        if (x <= 0) return -1;
        p += x;
        n -= (size_t)x;
    }
    return 0;
}

/* Sends one signed message; the answer is everything until the keeper closes. NULL: no keeper. */
static char *tell(const Text *message) {
    struct sockaddr_un where = {AF_UNIX, CELL "s"};
    int f = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char nonce[33], hex[65], part[4096];
    size_t got = 0;
    Text line = {0}, answer = {0};
    if (f < 0 || connect(f, (struct sockaddr *)&where, sizeof where)) return NULL;
    while (got < 33) {
        ssize_t x = read(f, nonce + got, 33 - got);
        if (x < 0 && errno == EINTR) continue;
        if (x <= 0) return NULL;
        got += (size_t)x;
    }
    nonce[32] = 0;
    sign(nonce, message->at, message->length, hex);
    say(&line, hex);
    say(&line, " ");
    add(&line, message->at, message->length);
    say(&line, "\n");
    if (write_all(f, line.at, line.length)) return NULL;
    for (;;) {
        ssize_t x = read(f, part, sizeof part);
        if (x < 0 && errno == EINTR) continue;
        if (x < 0) return NULL;
        if (x == 0) break;
        add(&answer, part, (size_t)x);
    }
    close(f);
    free(line.at);
    return answer.at;
}

static char *tell_numbers(const char *kind, const char *a, long x, const char *b, long y) {
    Text t = {0};
    char s[200];
    sprintf(s, "{\"k\":\"%s\",\"%s\":%ld,\"%s\":%ld}", kind, a, x, b, y);
    say(&t, s);
    return tell(&t);
}

/* ---- over a command ---- */

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/*
 * The name by which the command was called. AT_EXECFN is that name, except where this file stands
 * over an interpreter and the kernel started a script: then it is the script's path. It counts only
 * if the command of that name is really this file; else the file's own name counts.
 */
static const char *my_name(void) {
    static char file[4096], found[4096];
    char path[4200];
    const char *called = (const char *)getauxval(AT_EXECFN);
    ssize_t n = readlink("/proc/self/exe", file, sizeof file - 1);
    file[n > 0 ? n : 0] = 0;
    if (called) {
        const char *folders[] = {"/usr/bin/", "/usr/sbin/", NULL};
        for (int i = 0; folders[i]; i++) {
            snprintf(path, sizeof path, "%s%s", folders[i], last_part(called));
            if (realpath(path, found) && !strcmp(found, file)) return last_part(called);
        }
    }
    return n > 0 ? last_part(file) : "unknown";
}

static int is_bare(const char *name) {
    char line[300];
    int yes = 0;
    FILE *f = fopen(CELL "bare", "re");
    if (!f) return 0;
    while (!yes && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        yes = !strcmp(line, name);
    }
    fclose(f);
    return yes;
}

static pid_t child;

static void pass_on(int signal_number) {
    if (child > 0) kill(child, signal_number);
}

static const int PASSED_ON[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/* Runs the real program to its end and answers its wait status. Stdout goes to `out` if given. */
static int run_real(const char *real, char **argv, Text *out) {
    int pipes[2] = {-1, -1}, status = 0;
    struct sigaction act = {.sa_handler = pass_on}, old[6];
    sigset_t hold, before;
    if (out && pipe2(pipes, O_CLOEXEC)) _exit(NO_KEEPER);
    sigemptyset(&hold);
    for (int i = 0; i < 6; i++) sigaddset(&hold, PASSED_ON[i]);
    sigprocmask(SIG_BLOCK, &hold, &before);
    child = fork();
    if (child < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(126);
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        if (out) dup2(pipes[1], 1);
        execv(real, argv);
        _exit(126);
    }
    for (int i = 0; i < 6; i++) {
        sigaction(PASSED_ON[i], NULL, old + i);
        if (old[i].sa_handler != SIG_IGN) sigaction(PASSED_ON[i], &act, NULL);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (out) {
        int open_end = 1, gone = 0;
        char part[65536];
        close(pipes[1]);
        fcntl(pipes[0], F_SETFL, O_NONBLOCK);
        /* a background child may hold the pipe: the program's own end is what counts */
        while (open_end && !gone) {
            struct pollfd p = {pipes[0], POLLIN, 0};
            ssize_t n;
            gone = waitpid(child, &status, WNOHANG) == child;
            if (!gone) poll(&p, 1, 20);
            while ((n = read(pipes[0], part, sizeof part)) > 0)
                if (out->length < STREAM_CAP) add(out, part, (size_t)n);
            open_end = n < 0;
        }
        close(pipes[0]);
        if (gone) return status;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

static int end_like(int status) {
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        kill(getpid(), WTERMSIG(status));
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

static char *unhex(const char *hex) {
    size_t n = strlen(hex) / 2;
    char *out = malloc(n + 1);
    if (!out) _exit(NO_KEEPER);
    for (size_t i = 0; i < n; i++) {
        unsigned x = 0;
        sscanf(hex + 2 * i, "%2x", &x);
        out[i] = (char)x;
    }
    out[n] = 0;
    return out;
}

static void make_parents(char *path) {
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        mkdir(path, 0755);
        *p = '/';
    }
}

static void copy_into(const char *from, const char *path, mode_t mode) {
    char part[65536];
    ssize_t n;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    while (in >= 0 && out >= 0 && (n = read(in, part, sizeof part)) > 0)
        if (write_all(out, part, (size_t)n)) break;
    if (out >= 0) fchmod(out, mode);
    close(in);
    close(out);
}

/* Does what the keeper worked out: takes effects back. Answers how many effects there were. */
static long undo(char *orders) {
    long effects = 0;
    char *rest = NULL;
    for (char *line = strtok_r(orders, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *words[5] = {0}, *more = NULL;
        int n = 0;
        for (char *w = strtok_r(line, " ", &more); w && n < 5; w = strtok_r(NULL, " ", &more))
            words[n++] = w;
        if (n == 2 && !strcmp(words[0], "effects")) effects = atol(words[1]);
        if (n == 2 && !strcmp(words[0], "rm")) unlink(unhex(words[1]));
        if (n == 3 && !strcmp(words[0], "trunc")) {
            char *path = unhex(words[2]);
            if (truncate(path, atoll(words[1])) && chmod(path, 0644) == 0 &&
                truncate(path, atoll(words[1])))
                continue;
        }
        if (n == 3 && !strcmp(words[0], "link")) {
            char *path = unhex(words[2]);
            make_parents(path);
            unlink(path);
            if (symlink(unhex(words[1]), path)) continue;
        }
        if (n == 5 && !strcmp(words[0], "put")) {
            char *path = unhex(words[4]), from[300];
            long long at = atoll(words[3]);
            struct timespec times[2] = {{0, UTIME_OMIT}, {at / 1000000000, at % 1000000000}};
            snprintf(from, sizeof from, CELL "undo/%s", words[1]);
            make_parents(path);
            unlink(path);
            copy_into(from, path, (mode_t)strtol(words[2], NULL, 8));
            utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
        }
    }
    return effects;
}

static size_t half_of(const Text *out) {
    size_t lines = 0, seen = 0, i;
    for (i = 0; i < out->length; i++) lines += out->at[i] == '\n';
    if (lines < 2) return out->length / 2;
    for (i = 0; i < out->length && seen < lines / 2; i++) seen += out->at[i] == '\n';
    return i;
}

static void wait_seconds(double s) {
    struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    while (nanosleep(&t, &t) && errno == EINTR) continue;
}

static int over_command(int argc, char **argv) {
    const char *name = my_name();
    char real[4200], folder[4096] = "", word[16] = "", argument[64] = "", *answer;
    Text call = {0};
    size_t left = ARGUMENT_CAP;
    long id = 0;
    snprintf(real, sizeof real, HOME "tools/%s", name);
    if (access(real, X_OK)) snprintf(real, sizeof real, HOME "real/%s", name);
    if (is_bare(name)) {
        execv(real, argv);
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
        return 126;
    }
    if (!getcwd(folder, sizeof folder)) folder[0] = 0;
    say(&call, "{\"k\":\"call\",\"name\":");
    quote(&call, name, 4096);
    say(&call, ",\"cwd\":");
    quote(&call, folder, 4096);
    say(&call, ",\"argv\":[");
    for (int i = 1; i < argc && left; i++) {
        size_t n = strlen(argv[i]);
        if (i > 1) say(&call, ",");
        quote(&call, argv[i], left);
        left = n < left ? left - n : 0;
    }
    say(&call, "]}");
    answer = tell(&call);
    if (!answer || sscanf(answer, "%ld %15s %63s", &id, word, argument) < 2) return NO_KEEPER;

    if (!strcmp(word, "fail")) {
        fprintf(stderr, "%s: Input/output error\n", name);
        return atoi(argument);
    }
    if (!strcmp(word, "noop")) return 0;
    if (!strcmp(word, "kill")) {
        kill(getppid(), SIGKILL);
        return 137;
    }
    if (!strcmp(word, "hang"))
        for (;;) pause();
    if (!strcmp(word, "slow")) wait_seconds(atof(argument));
    if (!strcmp(word, "play")) {
        snprintf(real, sizeof real, CELL "play-%s", argument);
        execv(real, argv);
        if (errno == ENOEXEC) {
            char **more = calloc((size_t)argc + 2, sizeof *more);
            if (!more) return 126;
            more[0] = "sh";
            more[1] = real;
            for (int i = 1; i < argc; i++) more[i + 1] = argv[i];
            execv(HOME "real/dash", more);
        }
        return 126;
    }
    if (!strcmp(word, "cut") || !strcmp(word, "short")) {
        Text out = {0};
        int status = run_real(real, argv, &out);
        char *orders = tell_numbers("done", "id", id, "st", status);
        size_t n;
        if (!orders) return NO_KEEPER;
        n = undo(orders) ? out.length : half_of(&out);
        signal(SIGPIPE, SIG_IGN);
        write_all(1, out.at, n);
        signal(SIGPIPE, SIG_DFL);
        return strcmp(word, "cut") ? end_like(status) : atoi(argument);
    }
    if (!strcmp(word, "watch")) {
        int status = run_real(real, argv, NULL);
        if (!tell_numbers("done", "id", id, "st", status)) return NO_KEEPER;
        return end_like(status);
    }
    execv(real, argv);
    fprintf(stderr, "%s: %s\n", name, strerror(errno));
    return errno == ENOENT ? 127 : 126;
}

/* ---- enter: the cell's main program ---- */

/* On top of the engine's own filter: nobody here may trace or read another process. */
static int close_side_doors(void) {
    static const int denied[] = {SYS_ptrace,         SYS_process_vm_readv, SYS_process_vm_writev,
                                 SYS_io_uring_setup, SYS_io_uring_enter,   SYS_io_uring_register};
    enum { N = sizeof denied / sizeof *denied };
#if defined(__x86_64__)
    const unsigned machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    const unsigned machine = AUDIT_ARCH_AARCH64;
#else
#error "no seccomp architecture for this machine"
#endif
    struct sock_filter f[N + 7];
    int n = 0;
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                          offsetof(struct seccomp_data, arch));
    /* another architecture (32 bit) has other numbers: nothing of it is let through */
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, machine, 1, 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    f[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    /* x32 calls come with the same architecture and other numbers */
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, N + 1, 0);
    for (int i = 0; i < N; i++)
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)denied[i],
                                              (unsigned char)(N - i), 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {(unsigned short)n, f};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static long oom_kills(void) {
    const char *files[] = {"/sys/fs/cgroup/memory/memory.oom_control",
                           "/sys/fs/cgroup/memory.events", NULL};
    for (int i = 0; files[i]; i++) {
        char line[200];
        long n;
        FILE *f = fopen(files[i], "re");
        if (!f) continue;
        while (fgets(line, sizeof line, f))
            if (sscanf(line, "oom_kill %ld", &n) == 1) {
                fclose(f);
                return n;
            }
        fclose(f);
    }
    return 0;
}

/* One entry point. Its own session, so that `kill 0` in it does not reach this program. */
static int step(long number, char **argv) {
    int pipes[2], error = 0, status = 0;
    if (pipe2(pipes, O_CLOEXEC)) return 125;
    child = fork();
    if (child < 0) return 125;
    if (child == 0) {
        setsid();
        dup2(1, 2); /* one stream: what was said first comes first */
        execvp(argv[0], argv);
        error = errno;
        if (write(pipes[1], &error, sizeof error) < 0) _exit(125);
        _exit(error == ENOENT ? 127 : 126);
    }
    close(pipes[1]);
    if (read(pipes[0], &error, sizeof error) == sizeof error)
        tell_numbers("cannot", "step", number, "errno", error);
    close(pipes[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (!tell_numbers("step", "step", number, "st", status)) return NO_KEEPER;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* enter FILE_LIMIT STEPS (ARGC ARG...)...   FILE_LIMIT in bytes, "-" for none */
static int enter(int argc, char **argv) {
    int first_bad = 0, at = 3;
    long steps;
    if (argc < 3) return 125;
    steps = atol(argv[2]);
    mkdir("/run/lock", 01777);
    if (close_side_doors()) {
        perror("seccomp");
        return 125;
    }
    if (strcmp(argv[1], "-")) {
        struct rlimit most = {(rlim_t)atoll(argv[1]), (rlim_t)atoll(argv[1])};
        if (setrlimit(RLIMIT_FSIZE, &most)) return 125;
    }
    for (long i = 0; i < steps && at < argc; i++) {
        int n = atoi(argv[at]), code;
        char **words = calloc((size_t)n + 1, sizeof *words);
        if (!words || at + n >= argc) return 125;
        memcpy(words, argv + at + 1, (size_t)n * sizeof *words);
        at += n + 1;
        code = step(i, words);
        if (code && !first_bad) first_bad = code;
    }
    tell_numbers("end", "oom", oom_kills(), "steps", steps);
    return first_bad;
}

int main(int argc, char **argv) {
    char file[4096];
    ssize_t n = readlink("/proc/self/exe", file, sizeof file - 1);
    file[n > 0 ? n : 0] = 0;
    if (!strcmp(file, HOME "enter")) return enter(argc, argv);
    return over_command(argc, argv);
}
