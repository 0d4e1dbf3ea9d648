/* SPDX-License-Identifier: Apache-2.0 */
/* Guest-physical memory in the program's address space; the program needs the ability to map it (root has it). */
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>
#include "qnx.h"

enum { PAGE = 4096, LARGE_PAGE = 2 << 20, PRIVATE_LIMIT = 1 << 30, NORMAL_LIMIT = 32 };

/* What is mapped cached: a second mapping must not differ, or the two would see different contents (aarch64). */
static struct normal {
    struct memory_range range;
    const void *at;
} normal[NORMAL_LIMIT];
static unsigned normal_count;

static bool inside(const struct memory_range *range, uint64_t physical, uint64_t length)
{
    return physical >= range->base && length <= range->size && physical - range->base <= range->size - length;
}

static bool is_cached(uint64_t physical, uint64_t length)
{
    const struct platform_facts *facts = platform_facts();

    for (size_t i = 0; i < facts->ram_ranges; i++)
        if (inside(&facts->ram[i], physical, length))
            return true;
    for (unsigned i = 0; i < normal_count; i++)
        if (inside(&normal[i].range, physical, length))
            return true;
    return false;
}

static size_t whole_pages(uint64_t start, uint64_t length)
{
    return (start % PAGE + length + PAGE - 1) & -(uint64_t)PAGE;
}

void *memory_map(uint64_t physical, uint64_t length, enum memory_kind kind)
{
    bool cached = kind == MEMORY_NORMAL || (kind == MEMORY_KEEP && is_cached(physical, length));
    int access = PROT_READ | PROT_WRITE | (cached ? 0 : PROT_NOCACHE);
    char *at = mmap_device_memory(NULL, whole_pages(physical, length), access, 0, physical - physical % PAGE);

    if ((void *)at == MAP_FAILED)
        return NULL;
    at += physical % PAGE;
    if (kind == MEMORY_NORMAL && normal_count < NORMAL_LIMIT)
        normal[normal_count++] = (struct normal){{physical, length}, at};
    return at;
}

const char *memory_words(const void *address)
{
    (void)address;
    return NULL;
}

void memory_unmap(void *address, uint64_t length, enum memory_kind kind)
{
    uintptr_t at = (uintptr_t)address;

    if (!address)
        return;
    for (unsigned i = 0; kind == MEMORY_NORMAL && i < normal_count; i++) {
        if (normal[i].at == address) {
            normal[i] = normal[--normal_count];
            break;
        }
    }
    munmap((void *)(at - at % PAGE), whole_pages(at, length));
}

/*
 * The physical address, which decides where large pages begin; the virtual one when it is not known. The function's twin
 * with 64 in its name is hidden without _LARGEFILE64_SOURCE; the Makefile makes off_t wide enough.
 */
static uint64_t place_of(const char *memory)
{
    off_t physical;

    _Static_assert(sizeof physical == sizeof(uint64_t), "compile with _FILE_OFFSET_BITS=64");
    return mem_offset(memory, NOFD, 1, &physical, NULL) == 0 ? (uint64_t)physical : (uintptr_t)memory;
}

/* Physically contiguous, as a region is. The last one stays until the next is wanted: measurements go by turns. */
void *memory_private(uint64_t like, uint64_t length)
{
    static char *reserved;
    static size_t size;
    void *memory;

    if (reserved)
        munmap(reserved, size);
    reserved = NULL;
    if (length > PRIVATE_LIMIT)
        return NULL;
    size = whole_pages(like, length) + LARGE_PAGE;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_PHYS | MAP_ANON, NOFD, 0);
    if (memory == MAP_FAILED)
        return NULL;
    reserved = memory;
    return reserved + ((like - place_of(reserved)) & (LARGE_PAGE - 1));
}
