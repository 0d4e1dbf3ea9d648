/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe lives in a service of its own; a terminal (the console, an SSH channel) is connected to it by a relay. What
 * is attached survives the terminal: a connection that breaks, or a shell that is wanted in between. One terminal is
 * connected at a time, and a new one takes over.
 */
#include "kernel.h"
#include "linux.h"
#include "text.h"

enum {
    ADDRESS_UNIX = 1, SOCKET_STREAM = 1, SOCKET_CLOSE_ON_EXEC = FILE_CLOSE_ON_EXEC, NO_MORE_WRITES = 1,
    TERMINAL_GET = 0x5401, TERMINAL_SET = 0x5402,
    INPUT_AS_IT_IS = ~(0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400), OUTPUT_AS_IT_IS = ~0x1,
    LOCAL_AS_IT_IS = ~(0x1 | 0x2 | 0x8 | 0x40 | 0x8000), VALUE_TIME = 5, VALUE_MINIMUM = 6,
    LEAVE = 0x1d,                 /* Ctrl-] */
    CHUNK = 4096,
};

/* A name that is no file: it begins with a zero byte, and all bytes count (unix(7), "abstract"). */
static const struct {
    uint16_t family;
    char name[sizeof "\0shmem-probe"];
} address = {ADDRESS_UNIX, "\0shmem-probe"};

struct terminal {
    uint32_t input, output, control, local;
    uint8_t discipline, value[19];
};

static int listening = -1, client = -1;
static char taken[CHUNK];
static size_t taken_length, taken_at;

static int new_socket(void)
{
    return (int)KERNEL(CALL_SOCKET, ADDRESS_UNIX, SOCKET_STREAM | SOCKET_CLOSE_ON_EXEC, 0);
}

static void accept_client(void)
{
    int fd = (int)KERNEL(CALL_ACCEPT, listening, NULL, NULL, SOCKET_CLOSE_ON_EXEC);

    if (fd < 0)
        return;
    if (client >= 0)
        file_close(client);
    client = fd;
    taken_length = taken_at = 0;
}

static void take_input(void)
{
    long got = KERNEL(CALL_READ, client, taken, sizeof taken);

    taken_at = 0;
    taken_length = got > 0 ? (size_t)got : 0;
    if (got <= 0 && got != ERROR_INTERRUPTED) {
        file_close(client);
        client = -1;
    }
}

int console_read(size_t missing)
{
    (void)missing;
    while (taken_at == taken_length) {
        const int fds[] = {listening, client};
        struct poll_entry entry = {listening, POLL_IN, 0};
        const struct time now = {0};

        wait_input(fds, client >= 0 ? 2 : 1, NULL, 0, 0);
        if (KERNEL(CALL_PPOLL, &entry, 1, &now, NULL) > 0)
            accept_client();
        else if (client >= 0)
            take_input();
    }
    return (unsigned char)taken[taken_at++];
}

void console_write(const char *text, size_t length)
{
    if (client >= 0)
        write_all(client, text, length);
}

void service_run(int ready)
{
    listening = new_socket();
    /* Another relay may have started a service at the same moment; that one will do. */
    if (kernel_failed(KERNEL(CALL_BIND, listening, &address, sizeof address)))
        leave(0);
    KERNEL(CALL_LISTEN, listening, 1);
    file_close(ready);
    accept_client();
    probe_main();
    leave(0);
}

static int connect_service(void)
{
    int fd = new_socket();

    if (!kernel_failed(KERNEL(CALL_CONNECT, fd, &address, sizeof address)))
        return fd;
    file_close(fd);
    return -1;
}

/* The pipe's other end closes when the service listens. */
static void start_service(void)
{
    enum { CHILD_ENDED = 17, STANDARD_FILES = 3 };
    int ends[2];
    char nothing;

    if (kernel_failed(KERNEL(CALL_PIPE, ends, FILE_CLOSE_ON_EXEC)))
        return;
    if (KERNEL(CALL_CLONE, CHILD_ENDED) == 0) {
        int null = file_open("/dev/null", FILE_READ_WRITE);

        KERNEL(CALL_SETSID, 0);
        for (int fd = 0; fd < STANDARD_FILES; fd++)
            KERNEL(CALL_DUP3, null, fd, 0);
        file_close(ends[0]);
        service_run(ends[1]);
    }
    file_close(ends[1]);
    while (KERNEL(CALL_READ, ends[0], &nothing, 1) == ERROR_INTERRUPTED)
        ;
    file_close(ends[0]);
}

static bool terminal_raw(struct terminal *before)
{
    struct terminal raw;

    if (kernel_failed(KERNEL(CALL_IOCTL, 0, TERMINAL_GET, before)))
        return false;
    raw = *before;
    raw.input &= INPUT_AS_IT_IS;
    raw.output &= OUTPUT_AS_IT_IS;
    raw.local &= LOCAL_AS_IT_IS;
    raw.value[VALUE_TIME] = 0;
    raw.value[VALUE_MINIMUM] = 1;
    KERNEL(CALL_IOCTL, 0, TERMINAL_SET, &raw);
    return true;
}

/* The number of bytes before the one that ends the relay. */
static long until_leave(const char *data, long length)
{
    for (long i = 0; i < length; i++)
        if (data[i] == LEAVE)
            return i;
    return length;
}

/* Copies both ways until the terminal leaves (0) or the service ends (1). */
static int relay(int service)
{
    struct poll_entry entries[] = {{service, POLL_IN, 0}, {0, POLL_IN, 0}};
    char data[CHUNK];

    for (;;) {
        KERNEL(CALL_PPOLL, entries, 2, NULL, NULL);
        if (entries[0].found) {
            long got = KERNEL(CALL_READ, service, data, sizeof data);

            if (got == 0 || (kernel_failed(got) && got != ERROR_INTERRUPTED))
                return entries[1].fd >= 0;
            if (got > 0 && !write_all(1, data, (size_t)got))
                return 1;
        }
        if (entries[1].fd == 0 && entries[1].found) {
            long got = KERNEL(CALL_READ, 0, data, sizeof data), kept = got > 0 ? until_leave(data, got) : 0;

            if (!write_all(service, data, (size_t)kept))
                return 1;
            if (kept < got)
                return 0;
            /* No more input, as at the end of a pipe: what is still to be answered is answered. */
            if (got <= 0 && got != ERROR_INTERRUPTED) {
                KERNEL(CALL_SHUTDOWN, service, NO_MORE_WRITES);
                entries[1].fd = -1;
            }
        }
    }
}

int relay_run(void)
{
    static const char failed[] = "probe: the service cannot be reached\n", ended[] = "probe: the service has ended\r\n";
    static const char connected[] = "probe: connected, Ctrl-] leaves\r\n";
    struct terminal before;
    int service = connect_service(), status;
    bool raw;

    if (service < 0) {
        start_service();
        service = connect_service();
    }
    if (service < 0) {
        write_all(2, failed, sizeof failed - 1);
        return 1;
    }
    raw = terminal_raw(&before);
    if (raw)
        write_all(1, connected, sizeof connected - 1);
    status = relay(service);
    if (raw)
        KERNEL(CALL_IOCTL, 0, TERMINAL_SET, &before);
    if (status)
        write_all(2, ended, sizeof ended - 1);
    return status;
}
