/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"
#include "fdt.h"
#include "text.h"

/* The Foundation Model's addresses, which are the documented ones of guests on Arm; they have no PCI there. */
struct machine machine = {
    .uart = 0x1c090000,
    .uart_intid = 37,
    .gic_version = GIC_V3,
    .gic_distributor = 0x2f000000,
    .gic_processor = 0x2f100000,
};

extern char ram_base[];

static unsigned gic_address_cells;

static void take_memory(const struct fdt_node *node, struct platform_facts *facts)
{
    uint32_t length;
    const char *type = fdt_property(node, "device_type", &length);
    uint64_t address, size;

    if (!type || !text_equal(type, "memory"))
        return;
    for (unsigned i = 0; fdt_reg(node, i, &address, &size); i++)
        ram_add(facts, address, size);
}

static void take_uart(const struct fdt_node *node)
{
    uint64_t size;

    if (!fdt_compatible(node, "arm,pl011") || machine.uart || !fdt_reg(node, 0, &machine.uart, &size))
        return;
    fdt_gic_interrupt(node, 0, &machine.uart_intid, NULL);
}

static void take_gic(const struct fdt_node *node)
{
    uint64_t size;

    if (fdt_compatible(node, "arm,gic-v3"))
        machine.gic_version = GIC_V3;
    else if (fdt_compatible(node, "arm,cortex-a15-gic") || fdt_compatible(node, "arm,gic-400"))
        machine.gic_version = GIC_V2;
    else
        return;
    if (!fdt_reg(node, 0, &machine.gic_distributor, &size) || !fdt_reg(node, 1, &machine.gic_processor, &size))
        machine.gic_version = GIC_NONE;
    gic_address_cells = fdt_cell(node, "#address-cells", 0);
}

static void take_messages(const struct fdt_node *node)
{
    uint64_t size;

    if (fdt_compatible(node, "arm,gic-v2m-frame"))
        fdt_reg(node, 0, &machine.gic_messages, &size);
}

/* "ranges" of a PCI host: three cells of PCI address, the processor's address, the size. */
static void take_windows(const struct fdt_node *node)
{
    enum { PCI_CELLS = 3, SIZE_CELLS = 2, SPACE_SHIFT = 24, MEMORY_32 = 2, MEMORY_64 = 3 };
    unsigned cells = PCI_CELLS + node->cells.address + SIZE_CELLS;
    uint32_t length;
    const uint32_t *range = fdt_property(node, "ranges", &length);

    for (; range && length >= 4 * cells; range += cells, length -= 4 * cells) {
        uint64_t space = fdt_number(range, 1) >> SPACE_SHIFT & 3;
        uint64_t base = fdt_number(range + PCI_CELLS, node->cells.address);
        uint64_t end = base + fdt_number(range + PCI_CELLS + node->cells.address, SIZE_CELLS) - 1;

        if (space == MEMORY_32) {
            machine.windows.low_base = base;
            machine.windows.low_end = end;
        } else if (space == MEMORY_64) {
            machine.windows.high_base = base;
            machine.windows.high_end = end;
        }
    }
}

/*
 * "interrupt-map" of a PCI host: three cells of PCI address, the pin, the controller, its address, its interrupt. The
 * controller is the GIC, which may come later in the tree.
 */
static void take_lines(const struct fdt_node *node)
{
    enum { PIN = 3, ADDRESS = 5, GIC_CELLS = 3, NUMBER = 1, DEVICE_SHIFT = 11, FIRST_SHARED = 32 };
    unsigned cells = ADDRESS + gic_address_cells + GIC_CELLS;
    uint32_t length;
    const uint32_t *entry = fdt_property(node, "interrupt-map", &length);

    for (; entry && length >= 4 * cells; entry += cells, length -= 4 * cells) {
        uint64_t device = fdt_number(entry, 1) >> DEVICE_SHIFT & 31, pin = fdt_number(entry + PIN, 1);

        if (device < 4 && pin == 1)
            machine.pci_lines[device] =
                (unsigned)fdt_number(entry + ADDRESS + gic_address_cells + NUMBER, 1) + FIRST_SHARED;
    }
}

static void take_pci(const struct fdt_node *node)
{
    if (!fdt_compatible(node, "pci-host-ecam-generic") || machine.ecam_size ||
        !fdt_reg(node, 0, &machine.ecam, &machine.ecam_size))
        return;
    take_windows(node);
}

static void take_other(const struct fdt_node *node)
{
    uint32_t length;
    const char *method = fdt_property(node, "method", &length);
    const uint32_t *seed = fdt_property(node, "rng-seed", &length);

    if (seed && length >= 8)
        machine.boot_seed = fdt_number(seed, 2);
    if (method && fdt_compatible(node, "arm,psci-0.2"))
        machine.psci_smc = text_equal(method, "smc");
}

/* A tree says what there is, so what it does not mention is not there. */
static void forget_defaults(void)
{
    machine.uart = 0;
    machine.uart_intid = 0;
    machine.gic_version = GIC_NONE;
    machine.ecam_size = 0;
}

static void take_tree(const void *device_tree, struct platform_facts *facts)
{
    const uint64_t default_uart = machine.uart;
    struct fdt_walk walk;
    struct fdt_node node;

    machine.device_tree = device_tree;
    forget_defaults();
    fdt_open(&walk, device_tree);
    while (fdt_next(&walk, &node)) {
        take_memory(&node, facts);
        take_uart(&node);
        take_gic(&node);
        take_messages(&node);
        take_pci(&node);
        take_other(&node);
    }
    fdt_open(&walk, device_tree);
    while (fdt_next(&walk, &node))
        if (fdt_compatible(&node, "pci-host-ecam-generic"))
            take_lines(&node);
    if (!machine.uart)
        machine.uart = default_uart;
}

/* A place where the tree may be: every STEP bytes of LENGTH. */
struct place {
    const char *words;
    uint64_t from, length, step;
};

static void look(void *argument)
{
    const struct place *place = argument;
    struct fdt_walk walk;

    for (uint64_t at = 0; at < place->length && !machine.device_tree; at += place->step)
        if (fdt_open(&walk, (const void *)(place->from + at)))
            machine.device_tree = (const void *)(place->from + at);
}

/* What loaders do is tried first. Where there is no memory, the look at a place ends with a fault. */
static const char *find_tree(uint64_t told)
{
    enum { PAGE = 4096, DENSE = 8, FAR = 64 << 20 };
    const uint64_t behind = ((uint64_t)image_end + DENSE - 1) & -(uint64_t)DENSE;
    const struct place places[] = {
        {"device tree in x0", told, told ? DENSE : 0, DENSE},
        {"device tree at the start of RAM", (uint64_t)ram_base, DENSE, DENSE},
        {"device tree behind the image", behind, PAGE, DENSE},
        {"device tree behind the image", (behind + PAGE - 1) & -(uint64_t)PAGE, FAR, PAGE},
    };
    struct fault fault;

    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        struct place place = places[i];

        if (fault_guard(look, &place, &fault) && machine.device_tree)
            return place.words;
    }
    return NULL;
}

void machine_describe(const void *told, struct platform_facts *facts)
{
    facts->loader = find_tree((uint64_t)told);
    if (facts->loader) {
        ram_reserve((uint64_t)machine.device_tree, fdt_size(machine.device_tree));
        take_tree(machine.device_tree, facts);
    } else {
        facts->loader = "no device tree";
        machine.assumed = true;
    }
    /* At least the memory that the image is in. */
    if (facts->ram_ranges == 0)
        ram_add(facts, (uint64_t)ram_base, (uint64_t)(image_end - ram_base));
}

size_t devices_listed(struct listed_device *list, size_t limit)
{
    enum { EDGE_RISING = 1, EDGE_FALLING = 2 };
    struct fdt_walk walk;
    struct fdt_node node;
    size_t count = 0;

    if (!fdt_open(&walk, machine.device_tree))
        return 0;
    while (count < limit && fdt_next(&walk, &node)) {
        struct listed_device *device = &list[count];
        uint32_t flags = 0;

        if (!fdt_compatible(&node, "qvm,guest_shm") || !fdt_reg(&node, 0, &device->address, &device->covers))
            continue;
        device->interrupt = (struct interrupt){0};
        fdt_gic_interrupt(&node, 0, &device->interrupt.line, &flags);
        device->interrupt.edge = flags & (EDGE_RISING | EDGE_FALLING);
        count++;
    }
    return count;
}
