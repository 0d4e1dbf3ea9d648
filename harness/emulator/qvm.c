/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qvm of the emulated host: asks the host to run a guest, and stays until the guest has ended.
 *
 * The host is the one whose control socket QVM_HOST names, or the one at the other end of the descriptor in
 * QVM_CONNECTION, which qvm.py leaves behind when it has become this program. harness/emulator/service/protocol.py says
 * what is spoken there. Whatever has to be decided is decided by the host: what this program says on standard error,
 * and its exit status. It is in C because a qualification starts it thousands of times.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { NO_HOST = 64, HOST_GONE = 96, INTERRUPTED = 130 };
enum { LAST_WORD_MILLISECONDS = 2000 };

/* Signals to read: all that are held, and those that have to be heard at any time. */
static int host = -1, signals = -1, urgent = -1;

static void pass_on(uint32_t number);

static void pass_on_all(int from)
{
    struct signalfd_siginfo signal;

    while (read(from, &signal, sizeof signal) == (ssize_t)sizeof signal)
        pass_on(signal.ssi_signo);
}

/*
 * Write to standard error. A reader that has gone is no reason to end: the guest goes on. One that does not read is no
 * reason to be deaf: what is written at a time is what a stream takes that is ready.
 */
static void say_bytes(const char *data, size_t size)
{
    static int gone;
    struct pollfd sources[] = {{.fd = STDERR_FILENO, .events = POLLOUT}, {.fd = urgent, .events = POLLIN}};

    while (size > 0 && !gone) {
        ssize_t count;

        if (poll(sources, 2, -1) < 0)
            continue;
        if (sources[1].revents)
            pass_on_all(urgent);
        if (!sources[0].revents)
            continue;
        count = write(STDERR_FILENO, data, size < PIPE_BUF ? size : PIPE_BUF);
        if (count >= 0) {
            data += count;
            size -= (size_t)count;
        } else if (errno != EINTR && errno != EAGAIN) {
            gone = 1;
        }
    }
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[8192];
    va_list values;
    int size;

    va_start(values, format);
    size = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    say_bytes(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

__attribute__((noreturn)) static void no_host(const char *what, int error)
{
    say("qvm: no host: %s: %s\n", what, strerror(error));
    exit(NO_HOST);
}

/* The terminal has gone. That ends this program at any time, also while it waits for who reads what it says. */
static void hang_up(int number)
{
    static const char text[] = "qvm: interrupted\n";

    (void)number;
    if (poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, LAST_WORD_MILLISECONDS) > 0)
        write(STDERR_FILENO, text, sizeof text - 1);
    _exit(INTERRUPTED);
}

/* No file that is opened later gets the number of a standard stream that is closed, and then what is meant for it. */
static void settle_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            exit(NO_HOST);
}

static void settle_signals(void)
{
    struct sigaction before;

    signal(SIGPIPE, SIG_IGN);
    /* nohup has it ignored. */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        signal(SIGHUP, hang_up);
}

/* The kernel takes a path of 107 bytes, and a folder as a number. */
static void connect_to(const char *path)
{
    char *folder_name = strdup(path), *name = strdup(path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t size = sizeof peer;
    int folder, length;

    if (!folder_name || !name)
        no_host(path, ENOMEM);
    folder = open(dirname(folder_name), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        no_host(path, errno);
    length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, basename(name));
    if ((size_t)length >= sizeof address.sun_path)
        no_host(path, ENAMETOOLONG);
    host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (host < 0)
        no_host(path, errno);
    while (connect(host, (struct sockaddr *)&address, sizeof address) < 0)
        if (errno != EINTR)
            no_host(path, errno);
    close(folder);
    free(folder_name);
    free(name);
    if (getsockopt(host, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        no_host(path, errno);
    /* Whoever runs the host can do what this user can. */
    if (peer.uid != geteuid() && peer.uid != 0) {
        say("qvm: no host: %s: another user's host listens there\n", path);
        exit(NO_HOST);
    }
}

/* A host that takes nothing any more has said its last word, which is read next. */
static void tell(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = send(host, data, size, MSG_NOSIGNAL);

        if (count >= 0) {
            data += count;
            size -= (size_t)count;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return;
        } else if (errno != EINTR) {
            no_host("a request", errno);
        }
    }
}

/* The same, with the standard streams that the guest may use. */
static void tell_with_streams(const char *data, size_t size)
{
    const int streams[] = {STDIN_FILENO, STDOUT_FILENO};
    union {
        char space[CMSG_SPACE(sizeof streams)];
        struct cmsghdr aligned;
    } control = {.space = {0}};
    struct iovec part = {(char *)data, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    ssize_t count;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof streams);
    memcpy(CMSG_DATA(header), streams, sizeof streams);
    do
        count = sendmsg(host, &message, MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count >= 0)
        tell(data + count, size - (size_t)count);
    else if (errno != EPIPE && errno != ECONNRESET)
        no_host("a request", errno);
}

/* JSON. A byte that is no ASCII is one of the surrogates by which Python knows such a byte. */
static void put_text(FILE *request, const char *text)
{
    putc('"', request);
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if (*byte >= 0x80)
            fprintf(request, "\\udc%02x", *byte);
        else if (*byte < ' ' || *byte == '"' || *byte == '\\')
            fprintf(request, "\\u%04x", *byte);
        else
            putc(*byte, request);
    }
    putc('"', request);
}

static void start_guest(char *const *words)
{
    char *directory = getcwd(NULL, 0), *data = NULL;
    size_t size = 0;
    FILE *request = open_memstream(&data, &size);

    if (!directory)
        no_host("the current directory", errno);
    if (!request)
        no_host("a request", errno);
    fputs("{\"op\": \"start\", \"directory\": ", request);
    put_text(request, directory);
    fputs(", \"arguments\": [", request);
    for (char *const *word = words; *word; word++) {
        if (word != words)
            putc(',', request);
        put_text(request, *word);
    }
    fputs("]}\n", request);
    if (ferror(request) | fclose(request))
        no_host("a request", ENOMEM);
    tell_with_streams(data, size);
    free(directory);
    free(data);
}

/* From now on they wait until they are taken, so that none can come between two looks at them. */
static void hold_signals(void)
{
    const int held[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        sigaddset(&set, held[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    /* To say something because of a signal, while something else is being said, would mix them up. */
    sigdelset(&set, SIGUSR2);
    urgent = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || urgent < 0)
        no_host("signals", errno);
}

static void pass_on(uint32_t number)
{
    static const char button[] = "{\"op\": \"stop\", \"how\": \"power-button\"}\n";
    static const char cut[] = "{\"op\": \"stop\", \"how\": \"power-cut\"}\n";
    static const char report[] = "{\"op\": \"report\"}\n";

    switch (number) {
    case SIGQUIT:
        tell(cut, sizeof cut - 1);
        break;
    case SIGUSR1:
        tell(report, sizeof report - 1);
        break;
    case SIGUSR2:
        say("qvm: the emulated host writes no guest dumps\n");
        break;
    default:
        tell(button, sizeof button - 1);
    }
}

/* What the host says, at most so many bytes; 0 at its end. Signals that come meanwhile are passed on. */
static size_t listen_to_host(char *data, size_t size)
{
    struct pollfd sources[] = {{.fd = host, .events = POLLIN}, {.fd = signals, .events = POLLIN}};

    for (;;) {
        if (poll(sources, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return 0;
        }
        pass_on_all(signals);
        if (sources[0].revents) {
            ssize_t count = recv(host, data, size, 0);

            if (count >= 0 || errno != EINTR)
                return count > 0 ? (size_t)count : 0;
        }
    }
}

static int next_byte(void)
{
    static char data[4096];
    static size_t taken, filled;

    if (taken == filled) {
        filled = listen_to_host(data, sizeof data);
        taken = 0;
    }
    return taken < filled ? (unsigned char)data[taken++] : EOF;
}

/* A line, or its beginning when it is longer; 0 when the host has ended. */
static int next_line(char *line, size_t size)
{
    size_t length = 0;
    int byte = 0;

    while (length < size - 1 && (byte = next_byte()) != '\n' && byte != EOF)
        line[length++] = byte < ' ' || byte > '~' ? '?' : (char)byte;
    line[length] = '\0';
    return byte != EOF;
}

/* Say the next bytes of the host; 0 when it has ended. */
static int repeat(size_t size)
{
    char piece[4096];
    size_t filled = 0;
    int byte = 0;

    while (size > 0 && (byte = next_byte()) != EOF) {
        piece[filled++] = (char)byte;
        if (--size == 0 || filled == sizeof piece) {
            say_bytes(piece, filled);
            filled = 0;
        }
    }
    say_bytes(piece, filled);
    return byte != EOF;
}

/* Whether the line is this word and a number. */
static int is_order(const char *line, const char *word, size_t *number)
{
    size_t length = strlen(word);
    char *end;

    if (strncmp(line, word, length) != 0 || !isdigit((unsigned char)line[length]))
        return 0;
    *number = strtoul(line + length, &end, 10);
    return !*end;
}

/* Do what the host says until its last word; returns the exit status. */
static int obey(void)
{
    char line[512];
    int answered = 0;

    for (; next_line(line, sizeof line); answered = 1) {
        size_t number;

        if (is_order(line, "say ", &number)) {
            if (!repeat(number)) {
                answered = 1;
                break;
            }
        } else if (is_order(line, "exit ", &number)) {
            return (int)number;
        } else {
            say("qvm: not understood: %s\n", line);
            return answered ? HOST_GONE : NO_HOST;
        }
    }
    if (!answered) {
        say("qvm: no host: the host ended before it answered\n");
        return NO_HOST;
    }
    say("qvm: the host is gone\n");
    return HOST_GONE;
}

int main(int count, char **words)
{
    const char *connection = getenv("QVM_CONNECTION"), *path = getenv("QVM_HOST");

    settle_streams();
    settle_signals();
    if (connection) {
        host = atoi(connection);
    } else if (path && *path) {
        connect_to(path);
    } else {
        say("qvm: no host: QVM_HOST is not set\n");
        return NO_HOST;
    }
    hold_signals();
    start_guest(count ? words + 1 : words);
    return obey();
}
