/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe load ADDRESS LENGTH >FILE and probe store ADDRESS LENGTH <FILE: whole files out of a region and into it, by a
 * process that maps the region for itself, as a user's program does.
 */
#include "kernel.h"
#include "linux.h"
#include "shmem.h"
#include "text.h"

enum { CHUNK = 65536 };

struct transfer {
    bool store;
    volatile char *memory;
    uint64_t length, done;
};

static char chunk[CHUNK];

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Through a buffer: the kernel does not read or write device memory for a program. */
static void copy(void *argument)
{
    struct transfer *transfer = argument;

    while (transfer->done < transfer->length) {
        uint64_t now = least(CHUNK, transfer->length - transfer->done);

        if (transfer->store) {
            long got = KERNEL(CALL_READ, 0, chunk, now);

            if (got <= 0)
                return;
            now = (uint64_t)got;
            memcpy((char *)transfer->memory + transfer->done, chunk, now);
        } else {
            memcpy(chunk, (char *)transfer->memory + transfer->done, now);
            if (!write_all(1, chunk, now))
                return;
        }
        transfer->done += now;
    }
}

static int complain(const char *text)
{
    write_all(2, text, text_length(text));
    return 1;
}

int transfer_run(const char *const *words, unsigned count)
{
    struct pci_function functions[DEVICES_MAX];
    struct transfer transfer = {0};
    struct fault fault;
    uint64_t address;

    transfer.store = text_equal(words[0], "store");
    if (count != 3 || (!transfer.store && !text_equal(words[0], "load")) || !number_parse(words[1], &address) ||
        !number_parse(words[2], &transfer.length))
        return complain("usage: probe | probe load ADDRESS LENGTH >FILE | probe store ADDRESS LENGTH <FILE\n");
    pci_find(SHMEM_VENDOR_ID, SHMEM_DEVICE_ID, functions, DEVICES_MAX);
    transfer.memory = memory_map(address, transfer.length, MEMORY_NORMAL);
    if (!transfer.memory)
        return complain("probe: this memory cannot be mapped\n");
    if (!fault_guard(copy, &transfer, &fault))
        return complain("probe: the memory faulted\n");
    return transfer.done == transfer.length ? 0 : complain("probe: the file is shorter than that\n");
}
