/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vfio-user server that does as little as one can: a PCI function whose configuration space and one page of registers
 * (BAR 0) read as they were given. It is what a trapped access of the emulated device is held against.
 *
 * Standard input has the 256 bytes of configuration space and the 4096 bytes of the page; the argument is the number of
 * a descriptor that listens for the one QEMU; other users are not served. Stores to the page are taken and change nothing.
 * The program ends with its connection, and with status 1 for what no such QEMU says.
 *
 * Source of the messages: "vfio-user Protocol Specification" 0.9, sections "Header" and "Message Commands".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum command { VERSION = 1, DMA_MAP, DMA_UNMAP, DEVICE_INFO, REGION_INFO, IRQ_INFO = 7, SET_IRQS, READ, WRITE, RESET = 13 };
enum { REPLY = 1, NO_REPLY = 0x10, ERROR = 0x20 };
enum { PAGE = 4096, CONFIG_BYTES = 256, CONFIG = 7, REGIONS = 9, INTERRUPTS = 5, READABLE = 1, WRITABLE = 2 };
enum { DEVICE_RESETS = 1, DEVICE_IS_PCI = 2 };

struct header {
    uint16_t id, command;
    uint32_t size, flags, error;
};

struct access {
    uint64_t offset;
    uint32_t region, count;
};

struct region_info {
    uint32_t room, flags, index, capabilities;
    uint64_t size, offset;
};

static uint8_t config[CONFIG_BYTES], page[PAGE];

static struct {
    struct header header;
    union {
        uint8_t bytes[2 * PAGE];
        uint32_t words[4];
        struct access access;
        struct region_info region;
    };
} message;

/* How many bytes came before the end of the stream, SIZE at most. */
static size_t take(int from, void *to, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t count = read(from, (char *)to + have, size - have);

        if (count == 0 || (count < 0 && errno != EINTR))
            break;
        have += count > 0 ? (size_t)count : 0;
    }
    return have;
}

static void answer(int client, uint32_t payload, uint32_t error)
{
    message.header.size = (uint32_t)sizeof message.header + payload;
    message.header.flags = error ? REPLY | ERROR : REPLY;
    message.header.error = error;
    for (size_t sent = 0; sent < message.header.size;) {
        ssize_t count = send(client, (char *)&message + sent, message.header.size - sent, MSG_NOSIGNAL);

        if (count < 0 && errno != EINTR)
            exit(EXIT_SUCCESS);
        sent += count > 0 ? (size_t)count : 0;
    }
}

/* The bytes that an access is for, or NULL. */
static uint8_t *target(const struct access *access)
{
    uint32_t size = access->region == CONFIG ? CONFIG_BYTES : PAGE;

    if ((access->region != CONFIG && access->region != 0) || access->count > size || access->offset > size - access->count)
        return NULL;
    return (access->region == CONFIG ? config : page) + access->offset;
}

static void region_info(int client)
{
    uint32_t index = message.region.index;

    message.region = (struct region_info){.room = sizeof message.region, .index = index};
    if (index == 0 || index == CONFIG) {
        message.region.size = index == CONFIG ? CONFIG_BYTES : PAGE;
        message.region.flags = READABLE | WRITABLE;
    }
    answer(client, sizeof message.region, index < REGIONS ? 0 : EINVAL);
}

static void access_registers(int client, uint32_t payload)
{
    const struct access access = message.access;
    uint8_t *at = target(&access), *data = message.bytes + sizeof access;

    if (!at || (message.header.command == WRITE && payload != sizeof access + access.count)) {
        answer(client, 0, EINVAL);
        return;
    }
    if (message.header.command == READ)
        memcpy(data, at, access.count);
    else if (access.region == CONFIG)
        memcpy(at, data, access.count);
    answer(client, sizeof access + (message.header.command == READ ? access.count : 0), 0);
}

static void serve(int client, uint32_t payload)
{
    static const char capabilities[] = "{\"capabilities\": {\"max_msg_fds\": 8}}";

    switch (message.header.command) {
    case VERSION:
        /* QEMU gets its own minor number back. */
        memcpy(message.bytes + 4, capabilities, sizeof capabilities);
        answer(client, 4 + sizeof capabilities, 0);
        break;
    case DEVICE_INFO:
        memcpy(message.bytes, (uint32_t[]){16, DEVICE_IS_PCI | DEVICE_RESETS, REGIONS, INTERRUPTS}, 16);
        answer(client, 16, 0);
        break;
    case REGION_INFO:
        region_info(client);
        break;
    case IRQ_INFO:
        memcpy(message.bytes, (uint32_t[]){16, 0, message.words[2], 0}, 16);
        answer(client, 16, 0);
        break;
    case DMA_UNMAP:
        answer(client, payload, 0);
        break;
    case READ:
    case WRITE:
        access_registers(client, payload);
        break;
    case DMA_MAP:
    case SET_IRQS:
    case RESET:
        answer(client, 0, 0);
        break;
    default:
        answer(client, 0, ENOSYS);
    }
}

/* The first connection of this user's own. */
static int connection(int listening)
{
    for (;;) {
        int client = accept(listening, NULL, NULL);
        struct ucred peer;

        if (client < 0)
            return client;
        if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &(socklen_t){sizeof peer}) == 0 && peer.uid == getuid())
            return client;
        close(client);
    }
}

int main(int count, char **arguments)
{
    int client;

    if (count != 2 || take(STDIN_FILENO, config, sizeof config) != sizeof config ||
        take(STDIN_FILENO, page, sizeof page) != sizeof page)
        return EXIT_FAILURE;
    client = connection(atoi(arguments[1]));
    if (client < 0)
        return EXIT_FAILURE;
    for (;;) {
        uint32_t payload;

        if (take(client, &message.header, sizeof message.header) != sizeof message.header)
            return EXIT_SUCCESS;
        payload = message.header.size - (uint32_t)sizeof message.header;
        if (message.header.size < sizeof message.header || payload > sizeof message.bytes)
            return EXIT_FAILURE;
        if (take(client, message.bytes, payload) != payload)
            return EXIT_SUCCESS;
        serve(client, payload);
    }
}
