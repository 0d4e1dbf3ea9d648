/* SPDX-License-Identifier: Apache-2.0 */
/* PCI without an operating system: finds functions, and assigns BARs that have no address. */
#include "bare.h"

enum {
    VENDOR_ID = 0x00,
    DEVICE_ID = 0x02,
    COMMAND = 0x04,
    REVISION = 0x08,
    HEADER_TYPE = 0x0e,
    FIRST_BAR = 0x10,
    SECONDARY_BUS = 0x19,
    INTERRUPT_LINE = 0x3c,
    INTERRUPT_PIN = 0x3d,

    COMMAND_IO = 1,
    COMMAND_MEMORY = 2,
    COMMAND_MASTER = 4,

    BAR_IO = 1,
    BAR_WIDE = 4,
    BAR_PREFETCHABLE = 8,

    OCCUPIED_MAX = 128,
    KNOWN_MAX = 32,
};

static struct memory_range occupied[OCCUPIED_MAX];
static unsigned occupied_count;

static void occupy(uint64_t base, uint64_t size)
{
    if (occupied_count < OCCUPIED_MAX)
        occupied[occupied_count++] = (struct memory_range){base, size};
}

static uint64_t bar_read(const struct pci_function *function, unsigned bar, bool wide)
{
    uint64_t value = pci_config_read(function, FIRST_BAR + 4 * bar, 4);

    return wide ? value | (uint64_t)pci_config_read(function, FIRST_BAR + 4 * bar + 4, 4) << 32 : value;
}

static void bar_write(const struct pci_function *function, unsigned bar, bool wide, uint64_t value)
{
    pci_config_write(function, FIRST_BAR + 4 * bar, 4, (uint32_t)value);
    if (wide)
        pci_config_write(function, FIRST_BAR + 4 * bar + 4, 4, (uint32_t)(value >> 32));
}

/* Reads the BAR and finds its size by the usual write of ones; decoding must be off. Returns the registers it takes. */
static unsigned bar_probe(const struct pci_function *function, unsigned index, struct pci_bar *bar)
{
    uint32_t low = pci_config_read(function, FIRST_BAR + 4 * index, 4);
    uint64_t flags, mask, value;

    bar->io = low & BAR_IO;
    bar->wide = !bar->io && low & BAR_WIDE;
    bar->prefetchable = !bar->io && low & BAR_PREFETCHABLE;
    flags = bar->io ? 3 : 15;
    value = bar_read(function, index, bar->wide);
    bar_write(function, index, bar->wide, bar->wide ? UINT64_MAX : UINT32_MAX);
    mask = bar_read(function, index, bar->wide) & ~flags;
    bar_write(function, index, bar->wide, value);
    bar->base = value & ~flags;
    bar->size = mask & -mask;
    return bar->wide ? 2 : 1;
}

static bool same_place(const struct pci_function *a, const struct pci_function *b)
{
    return a->bus == b->bus && a->device == b->device && a->function == b->function;
}

static void bars_probe(struct pci_function *function)
{
    uint32_t command = pci_config_read(function, COMMAND, 2);

    pci_config_write(function, COMMAND, 2, command & ~(uint32_t)(COMMAND_IO | COMMAND_MEMORY));
    for (unsigned i = 0; i < PCI_BARS; i += bar_probe(function, i, &function->bar[i]))
        continue;
    pci_config_write(function, COMMAND, 2, command);
}

/* Sizes do not change, and asking for them moves the BARs for a moment, so each function is asked once. */
static void bars_read(struct pci_function *function)
{
    static struct pci_function known[KNOWN_MAX];
    static unsigned known_count;
    unsigned i = 0;

    while (i < known_count && !same_place(&known[i], function))
        i++;
    if (i == known_count) {
        bars_probe(function);
        if (known_count < KNOWN_MAX)
            known[known_count++] = *function;
        return;
    }
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        function->bar[bar] = known[i].bar[bar];
        if (function->bar[bar].size)
            function->bar[bar].base =
                bar_read(function, bar, function->bar[bar].wide) & ~(function->bar[bar].io ? 3ull : 15ull);
    }
}

static uint64_t place_find(uint64_t base, uint64_t end, uint64_t size)
{
    bool moved;

    do {
        moved = false;
        base = (base + size - 1) & -size;
        for (unsigned i = 0; i < occupied_count; i++) {
            if (base < occupied[i].base + occupied[i].size && occupied[i].base < base + size) {
                base = occupied[i].base + occupied[i].size;
                moved = true;
            }
        }
    } while (moved);
    return base + size - 1 <= end ? base : 0;
}

/* One without a place keeps address 0, at which nothing answers. */
static void bar_place(const struct pci_function *function, unsigned index, struct pci_bar *bar)
{
    const struct pci_windows *windows = pci_windows();

    bar->base = bar->wide ? place_find(windows->high_base, windows->high_end, bar->size)
                          : place_find(windows->low_base, windows->low_end, bar->size);
    if (!bar->base)
        return;
    bar_write(function, index, bar->wide, bar->base);
    occupy(bar->base, bar->size);
}

/* Those of a size, in all functions. */
static void bars_place(struct pci_function *list, size_t count, uint64_t size)
{
    for (size_t i = 0; i < count; i++) {
        for (unsigned index = 0; index < PCI_BARS; index++) {
            struct pci_bar *bar = &list[i].bar[index];

            if (bar->size == size && !bar->io && !bar->base)
                bar_place(&list[i], index, bar);
        }
    }
}

static void function_enable(const struct pci_function *function)
{
    pci_config_write(function, COMMAND, 2, pci_config_read(function, COMMAND, 2) | COMMAND_MEMORY | COMMAND_MASTER);
}

static void function_read(struct pci_function *function)
{
    function->class_code = pci_config_read(function, REVISION, 4) >> 8;
    function->revision = (uint8_t)pci_config_read(function, REVISION, 1);
    function->interrupt_line = (uint8_t)pci_config_read(function, INTERRUPT_LINE, 1);
    function->interrupt_pin = (uint8_t)pci_config_read(function, INTERRUPT_PIN, 1);
}

typedef void visitor(const struct pci_function *function, void *context);

static void bus_walk(unsigned bus, visitor *visit, void *context)
{
    for (unsigned slot = 0; slot < 32 * 8; slot++) {
        struct pci_function function = {.bus = (uint8_t)bus, .device = (uint8_t)(slot / 8), .function = slot % 8};
        unsigned header, below;

        function.vendor_id = (uint16_t)pci_config_read(&function, VENDOR_ID, 2);
        if (function.vendor_id == 0xffff) {
            slot |= function.function == 0 ? 7 : 0;
            continue;
        }
        function.device_id = (uint16_t)pci_config_read(&function, DEVICE_ID, 2);
        visit(&function, context);
        header = pci_config_read(&function, HEADER_TYPE, 1);
        below = (header & 0x7f) == 1 ? pci_config_read(&function, SECONDARY_BUS, 1) : 0;
        if (below > bus)
            bus_walk(below, visit, context);
        if (function.function == 0 && !(header & 0x80))
            slot |= 7;
    }
}

/* Their sizes are unknown without disturbing them; an alignment is a bound for what firmware has placed. */
static void note_occupied(const struct pci_function *function, void *context)
{
    unsigned bars = (pci_config_read(function, HEADER_TYPE, 1) & 0x7f) == 0 ? PCI_BARS : 2;

    (void)context;
    for (unsigned i = 0; i < bars; i++) {
        uint32_t low = pci_config_read(function, FIRST_BAR + 4 * i, 4);
        bool wide = !(low & BAR_IO) && low & BAR_WIDE;
        uint64_t base = bar_read(function, i, wide) & ~15ull;

        if (!(low & BAR_IO) && base)
            occupy(base, base & -base);
        i += wide;
    }
}

struct search {
    uint16_t vendor_id, device_id;
    struct pci_function *list;
    size_t limit, count;
};

static void collect(const struct pci_function *function, void *context)
{
    struct search *search = context;

    if (function->vendor_id == search->vendor_id && function->device_id == search->device_id &&
        search->count < search->limit)
        search->list[search->count++] = *function;
}

size_t pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *list, size_t limit)
{
    struct search search = {vendor_id, device_id, list, limit, 0};
    static bool noted;

    if (!pci_present())
        return 0;
    if (!noted)
        bus_walk(0, note_occupied, NULL);
    noted = true;
    bus_walk(0, collect, &search);
    for (size_t i = 0; i < search.count; i++) {
        function_read(&list[i]);
        bars_read(&list[i]);
    }
    /* Large ones first: a small one between them would take a whole alignment of theirs. */
    for (uint64_t size = 1ull << 63; size; size >>= 1)
        bars_place(list, search.count, size);
    for (size_t i = 0; i < search.count; i++)
        function_enable(&list[i]);
    return search.count;
}
