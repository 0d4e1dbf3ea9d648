/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of a QNX Hypervisor host that is a client of shared memory regions, by the host's own interface (hyp_shm.h).
 *
 * It is driven line by line over standard input, as docs/host-client.md describes, and ends with it; the host detaches
 * what it had. UNTRIED: it is written from the names of the public parts of the interface and from what public sources
 * say of it, and has been compiled against declarations of ours only, never with the vendor's header and library.
 *
 * HOST_MODES: hyp_shm_attach_ext of release 8.0, with a mode and a group, in place of hyp_shm_attach.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyp_shm.h>
#include <signal.h>
#include <sys/neutrino.h>
#include <sys/types.h>
#include <time.h>

enum {
    CONNECTIONS = 64,
    NAME_BYTES = 256,
    PIECE_BYTES = 4096,
    LINE_BYTES = 2 * PIECE_BYTES + 256,
    PAGE_BYTES = 4096,
    MEMBERS_SHIFT = 16,
    MILLION = 1000000,
};

struct connection {
    struct hyp_shm *shm;
    unsigned pulses;
};

static struct connection connections[CONNECTIONS];
static int channel;

static void error(int number, const char *what)
{
    printf("error %d %s: %s\n", number, what, number ? strerror(number) : "not understood");
}

/* The bytes of a hexadecimal text, and how many there are; -1 where it is none. */
static int from_hex(const char *text, unsigned char *bytes, size_t room)
{
    size_t count = strlen(text) / 2;
    size_t at;
    if (strlen(text) % 2 || count > room)
        return -1;
    for (at = 0; at < count; at++) {
        char digits[] = {text[2 * at], text[2 * at + 1], '\0'};
        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
            return -1;
        bytes[at] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return (int)count;
}

static struct connection *connection_of(const char *word)
{
    unsigned long number = strtoul(word, NULL, 10);
    return number < CONNECTIONS && connections[number].shm ? &connections[number] : NULL;
}

/* Take the pulses that have come; wait for one at most so long. Whether one came. */
static int take_pulse(uint64_t nanoseconds)
{
    struct _pulse pulse;
    struct sigevent event;
    SIGEV_UNBLOCK_INIT(&event);
    TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, &event, &nanoseconds, NULL);
    if (MsgReceivePulse(channel, &pulse, sizeof pulse, NULL) != 0)
        return 0;
    if (pulse.code >= 0 && pulse.code < CONNECTIONS)
        connections[pulse.code].pulses++;
    return 1;
}

static void drain(void)
{
    while (take_pulse(0))
        ;
}

static int attached(struct hyp_shm *shm, const char *name, unsigned pages, int number)
{
    /* What waits from a connection that had this number is none of this one's. */
    drain();
    connections[number].pulses = 0;
#ifdef HOST_MODES
    return hyp_shm_attach_ext(shm, name, pages, channel, -1, number, NULL, 0666, (gid_t)-1);
#else
    return hyp_shm_attach(shm, name, pages, channel, -1, number, NULL);
#endif
}

/* Create the region or attach to it. Its number, or -1 after a word about the reason. */
static int connect_to(const char *name, unsigned pages)
{
    int number = 0, failed;
    struct hyp_shm *shm;
    while (number < CONNECTIONS && connections[number].shm)
        number++;
    if (number == CONNECTIONS) {
        error(EMFILE, "attach");
        return -1;
    }
    shm = hyp_shm_create(0);
    if (!shm) {
        error(ENOMEM, "hyp_shm_create");
        return -1;
    }
    failed = attached(shm, name, pages, number);
    if (failed) {
        error(failed, "attach");
        return -1;
    }
    connections[number].shm = shm;
    return number;
}

static void leave(int number)
{
    hyp_shm_detach(connections[number].shm);
    connections[number].shm = NULL;
}

static void tell(int number)
{
    struct hyp_shm *shm = connections[number].shm;
    printf("ok %d %u %u\n", number, (unsigned)hyp_shm_idx(shm), (unsigned)hyp_shm_size(shm));
}

/* Whether nobody but this connection is in a region of so many pages as it has asked for. */
static int may_be_new(int number, unsigned pages)
{
    struct hyp_shm *shm = connections[number].shm;
    unsigned members = (unsigned)hyp_shm_status(shm) >> MEMBERS_SHIFT;
    return hyp_shm_size(shm) == pages && members == 1u << hyp_shm_idx(shm);
}

/*
 * The interface has no request that only attaches. A region that has another size than was asked for, twice, or other
 * members, was there before; one that has the size that is asked for each time is made by asking, and left again.
 */
static void attach(const char *name)
{
    unsigned pages;
    for (pages = 1; pages <= 2; pages++) {
        int number = connect_to(name, pages);
        if (number < 0)
            return;
        if (!may_be_new(number, pages)) {
            tell(number);
            return;
        }
        leave(number);
    }
    printf("none\n");
}

static void name_request(const char *verb, const char *hex, const char *pages)
{
    unsigned char name[NAME_BYTES + 1];
    int length = from_hex(hex, name, NAME_BYTES);
    if (length < 0 || memchr(name, 0, (size_t)length)) {
        error(0, "name");
        return;
    }
    name[length] = 0;
    if (strcmp(verb, "attach") == 0) {
        attach((char *)name);
    } else {
        int number = connect_to((char *)name, (unsigned)strtoul(pages, NULL, 10));
        if (number >= 0)
            tell(number);
    }
}

static int is_inside(struct connection *connection, unsigned long offset, unsigned long length)
{
    unsigned long size = (unsigned long)hyp_shm_size(connection->shm) * PAGE_BYTES;
    return length <= PIECE_BYTES && offset <= size && length <= size - offset;
}

/* The compiler must neither join nor repeat accesses to memory that others write. */
static void data_request(struct connection *connection, const char *verb, const char *where, const char *what)
{
    volatile unsigned char *data = (volatile unsigned char *)hyp_shm_data(connection->shm);
    unsigned long offset = strtoul(where, NULL, 10), at, length;
    if (strcmp(verb, "read") == 0) {
        length = strtoul(what, NULL, 10);
        if (!is_inside(connection, offset, length)) {
            error(ERANGE, verb);
            return;
        }
        printf("ok ");
        for (at = 0; at < length; at++)
            printf("%02x", data[offset + at]);
        printf("\n");
    } else {
        unsigned char bytes[PIECE_BYTES];
        int count = from_hex(what, bytes, sizeof bytes);
        if (count < 0 || !is_inside(connection, offset, (unsigned long)count)) {
            error(ERANGE, verb);
            return;
        }
        for (at = 0; at < (unsigned long)count; at++)
            data[offset + at] = bytes[at];
        printf("ok\n");
    }
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 * MILLION + (uint64_t)time.tv_nsec;
}

static void wait_pulses(struct connection *connection, unsigned count, unsigned long milliseconds)
{
    uint64_t end = now() + (uint64_t)milliseconds * MILLION;
    drain();
    while (connection->pulses < count && now() < end)
        take_pulse(end - now());
    printf("ok %u\n", connection->pulses);
}

static void request(char *line)
{
    char *word[4] = {"", "", "", ""};
    struct connection *connection;
    int count = 0;
    char *part;
    for (part = strtok(line, " \r\n"); part && count < 4; part = strtok(NULL, " \r\n"))
        word[count++] = part;
    if (strcmp(word[0], "create") == 0 || strcmp(word[0], "attach") == 0) {
        name_request(word[0], word[1], word[2]);
        return;
    }
    connection = connection_of(word[1]);
    if (!connection) {
        error(EBADF, word[0]);
    } else if (strcmp(word[0], "read") == 0 || strcmp(word[0], "write") == 0) {
        data_request(connection, word[0], word[2], word[3]);
    } else if (strcmp(word[0], "notify") == 0) {
        hyp_shm_poke(connection->shm, (unsigned)strtoul(word[2], NULL, 10));
        printf("ok\n");
    } else if (strcmp(word[0], "status") == 0) {
        printf("ok %u\n", (unsigned)hyp_shm_status(connection->shm));
    } else if (strcmp(word[0], "pulses") == 0) {
        wait_pulses(connection, (unsigned)strtoul(word[2], NULL, 10), strtoul(word[3], NULL, 10));
    } else if (strcmp(word[0], "detach") == 0) {
        leave((int)(connection - connections));
        printf("ok\n");
    } else {
        error(0, word[0]);
    }
}

int main(void)
{
    static char line[LINE_BYTES];
    channel = ChannelCreate(0);
    if (channel < 0) {
        perror("ChannelCreate");
        return EXIT_FAILURE;
    }
    printf("@host-client 1\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        request(line);
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}
