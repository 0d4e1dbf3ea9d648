/* SPDX-License-Identifier: Apache-2.0 */
/* Who has started the guest, and the memory that it tells of. */
#include "machine.h"

enum { TYPE_RAM = 1, MAP_ENTRIES_MAX = 4096 };

/* Multiboot Specification 0.6.96, section 3.3. */
enum {
    MULTIBOOT_LOADER = 0x2badb002,
    MULTIBOOT_HAS_SIZES = 1 << 0,
    MULTIBOOT_HAS_MAP = 1 << 6,
    KIB = 1024,
    HIGH_MEMORY = 0x100000,
};

struct multiboot_information {
    uint32_t flags, low_kib, high_kib;
    uint32_t other[8];            /* boot device, command line, modules, symbols */
    uint32_t map_length, map;
};

struct __attribute__((packed)) multiboot_range {
    uint32_t length;              /* of what follows */
    uint64_t address, size;
    uint32_t type;
};

/* Xen public headers, arch-x86/hvm/start_info.h; from version 1 on there is a memory map. */
enum { PVH_MAGIC = 0x336ec578, PVH_HAS_MAP = 1 };

struct pvh_information {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, command_line, acpi, map;
    uint32_t map_entries, reserved;
};

struct pvh_range {
    uint64_t address, size;
    uint32_t type, reserved;
};

struct start {
    uint32_t magic;
    uint64_t information;
    struct boot *boot;
    struct platform_facts *facts;
};

static void take_multiboot(struct start *start)
{
    const struct multiboot_information *told = (const void *)start->information;
    uint64_t at = told->map, end = at + told->map_length;

    start->facts->loader = "multiboot";
    if (told->flags & MULTIBOOT_HAS_MAP) {
        while (at + sizeof(struct multiboot_range) <= end) {
            const struct multiboot_range *range = (const void *)at;

            if (range->type == TYPE_RAM)
                ram_add(start->facts, range->address, range->size);
            at += sizeof range->length + range->length;
        }
    } else if (told->flags & MULTIBOOT_HAS_SIZES) {
        ram_add(start->facts, 0, (uint64_t)told->low_kib * KIB);
        ram_add(start->facts, HIGH_MEMORY, (uint64_t)told->high_kib * KIB);
    }
}

static void take_pvh(struct start *start)
{
    const struct pvh_information *told = (const void *)start->information;
    const struct pvh_range *range = (const void *)told->map;

    start->facts->loader = "PVH";
    start->boot->acpi = told->acpi;
    for (uint32_t i = 0; told->version >= PVH_HAS_MAP && i < told->map_entries && i < MAP_ENTRIES_MAX; i++, range++)
        if (range->type == TYPE_RAM)
            ram_add(start->facts, range->address, range->size);
}

/* A loader that tells nothing has left anything in the registers, so whatever is read by them may fault. */
static void take(void *argument)
{
    struct start *start = argument;

    if (start->information == 0 || start->information % sizeof(uint32_t))
        return;
    if (start->magic == MULTIBOOT_LOADER)
        take_multiboot(start);
    else if (*(const uint32_t *)start->information == PVH_MAGIC)
        take_pvh(start);
}

static bool image_covered(const struct platform_facts *facts)
{
    for (size_t i = 0; i < facts->ram_ranges; i++)
        if (facts->ram[i].base <= (uint64_t)image_start &&
            (uint64_t)image_end <= facts->ram[i].base + facts->ram[i].size)
            return true;
    return false;
}

struct boot boot_describe(uint32_t magic, uint32_t information, struct platform_facts *facts)
{
    struct boot boot = {0};
    struct start start = {magic, information, &boot, facts};
    struct fault fault;

    facts->loader = "unknown";
    if (!fault_guard(take, &start, &fault) || facts->ram_ranges == 0)
        boot.trouble = facts->loader[0] == 'u'
                           ? "started by an unknown loader: neither multiboot (EAX 0x2badb002) nor PVH (EBX at its start "
                             "information); its own image is all the RAM that it knows of"
                           : "its loader tells of no memory; its own image is all the RAM that it knows of";
    else if (!image_covered(facts))
        boot.trouble = "the RAM that its loader tells of does not have its image";
    if (boot.trouble)
        ram_add(facts, (uint64_t)image_start, (uint64_t)(image_end - image_start));
    return boot;
}
