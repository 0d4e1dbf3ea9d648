/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

struct information {
    uint32_t flags, low, high, boot_device;
    const char *command_line;
    uint32_t module_count;
    const struct module {
        const unsigned char *start, *end;
    } *module;
};

struct header {
    unsigned char identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segments, sections;
    uint32_t flags;
    uint16_t size, segment_size, segment_count;
};

struct segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, in_file, in_memory, align;
};

/* The segments of the first module, an ELF64 file, to their places; its entry. */
uint32_t load(const struct information *told)
{
    const unsigned char *file = told->module->start;
    const struct header *header = (const void *)file;

    for (unsigned i = 0; i < header->segment_count; i++) {
        const struct segment *segment = (const void *)(file + header->segments + i * header->segment_size);
        volatile unsigned char *to = (void *)(uint32_t)segment->physical;

        if (segment->type != 1)
            continue;
        for (uint32_t at = 0; at < segment->in_memory; at++)
            to[at] = at < segment->in_file ? file[segment->offset + at] : 0xa5;
    }
    return (uint32_t)header->entry;
}

int wants_long_mode(const struct information *told)
{
    const char *last = told->command_line;

    for (const char *at = last; *at; at++)
        if (*at == ' ')
            last = at + 1;
    return *last == 'l';
}
