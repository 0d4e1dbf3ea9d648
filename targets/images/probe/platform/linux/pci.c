/* SPDX-License-Identifier: Apache-2.0 */
/* PCI functions as the kernel shows them (kernel source, Documentation/PCI/sysfs-pci.rst). */
#include "kernel.h"
#include "linux.h"
#include "text.h"

#define DEVICES "/sys/bus/pci/devices/"

enum {
    LIMIT = 16, CONFIG_CLASS = 8, CONFIG_INTERRUPT_LINE = 0x3c, CONFIG_INTERRUPT_PIN = 0x3d, RESOURCES_TEXT = 2048,
    RESOURCE_IO = 0x100, RESOURCE_PREFETCH = 0x2000, RESOURCE_WIDE = 0x100000,
};

static struct pci_function known[LIMIT];
static size_t known_count;

uint64_t take_hex(const char **text)
{
    const char *at = *text;
    uint64_t value = 0;

    if (at[0] == '0' && at[1] == 'x')
        at += 2;
    for (; hex_digit(*at) >= 0; at++)
        value = value << 4 | (uint64_t)hex_digit(*at);
    *text = *at ? at + 1 : at;
    return value;
}

void pci_path(char *path, const struct pci_function *function, const char *rest)
{
    char name[] = "0000:00:00.0";

    hex_write(name, function->segment, 4);
    hex_write(name + 5, function->bus, 2);
    hex_write(name + 8, function->device, 2);
    hex_write(name + 11, function->function, 1);
    path_join(path, DEVICES, name, rest);
}

uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned width)
{
    char path[PATH_SIZE];
    uint32_t value = 0;
    int fd;

    pci_path(path, function, "/config");
    fd = file_open(path, FILE_READ);
    if (fd < 0 || KERNEL(CALL_PREAD, fd, &value, width, offset) != (long)width)
        value = (uint32_t)((1ull << 8 * width) - 1);
    if (fd >= 0)
        file_close(fd);
    return value;
}

void pci_config_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    char path[PATH_SIZE];
    int fd;

    pci_path(path, function, "/config");
    fd = file_open(path, FILE_WRITE);
    if (fd >= 0) {
        KERNEL(CALL_PWRITE, fd, &value, width, offset);
        file_close(fd);
    }
}

/* The file has a line for each resource: first address, last address, flags. */
static void take_resources(struct pci_function *function)
{
    char path[PATH_SIZE], text[RESOURCES_TEXT];
    const char *at = text;

    pci_path(path, function, "/resource");
    file_read(path, text, sizeof text);
    for (unsigned i = 0; i < PCI_BARS && *at; i++) {
        uint64_t first = take_hex(&at), last = take_hex(&at), flags = take_hex(&at);

        if (!flags)
            continue;
        function->bar[i] = (struct pci_bar){
            .base = first,
            .size = last - first + 1,
            .io = flags & RESOURCE_IO,
            .wide = flags & RESOURCE_WIDE,
            .prefetchable = flags & RESOURCE_PREFETCH,
        };
    }
}

struct search {
    uint32_t identity;
    struct pci_function *list;
    size_t count, limit;
};

static void take(const char *name, void *context)
{
    struct search *search = context;
    struct pci_function function = {
        .segment = (uint16_t)take_hex(&name),
        .bus = (uint8_t)take_hex(&name),
        .device = (uint8_t)take_hex(&name),
        .function = (uint8_t)take_hex(&name),
    };
    uint32_t class;
    char path[PATH_SIZE];

    if (search->count == search->limit || pci_config_read(&function, 0, 4) != search->identity)
        return;
    class = pci_config_read(&function, CONFIG_CLASS, 4);
    function.vendor_id = (uint16_t)search->identity;
    function.device_id = (uint16_t)(search->identity >> 16);
    function.class_code = class >> 8;
    function.revision = (uint8_t)class;
    function.interrupt_line = (uint8_t)pci_config_read(&function, CONFIG_INTERRUPT_LINE, 1);
    function.interrupt_pin = (uint8_t)pci_config_read(&function, CONFIG_INTERRUPT_PIN, 1);
    take_resources(&function);
    /* Without a driver, the function is not enabled yet. */
    pci_path(path, &function, "/enable");
    file_write_text(path, "1");
    search->list[search->count++] = function;
}

static bool after(const struct pci_function *a, const struct pci_function *b)
{
    uint64_t left = (uint64_t)a->segment << 24 | a->bus << 16 | a->device << 8 | a->function;
    uint64_t right = (uint64_t)b->segment << 24 | b->bus << 16 | b->device << 8 | b->function;

    return left > right;
}

static void sort(struct pci_function *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && after(&list[j - 1], &list[j]); j--) {
            struct pci_function swapped = list[j];

            list[j] = list[j - 1];
            list[j - 1] = swapped;
        }
    }
}

size_t pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *list, size_t limit)
{
    struct search search = {.identity = (uint32_t)device_id << 16 | vendor_id, .list = known, .limit = LIMIT};

    folder_each(DEVICES, take, &search);
    sort(known, search.count);
    known_count = search.count;
    for (size_t i = 0; i < known_count && i < limit; i++)
        list[i] = known[i];
    return known_count < limit ? known_count : limit;
}

const struct pci_function *pci_function_at(uint64_t physical, uint64_t length, unsigned *bar)
{
    for (size_t i = 0; i < known_count; i++) {
        for (*bar = 0; *bar < PCI_BARS; ++*bar) {
            const struct pci_bar *at = &known[i].bar[*bar];

            if (at->size && !at->io && physical >= at->base && length <= at->size && physical - at->base <= at->size - length)
                return &known[i];
        }
    }
    return NULL;
}
