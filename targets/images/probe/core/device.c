/* SPDX-License-Identifier: Apache-2.0 */
/* Finding devices, and choosing the one that commands mean. */
#include "mmio.h"
#include "shmem.h"
#include "text.h"

static struct device devices[DEVICES_MAX];
static unsigned device_count;
static unsigned selected;
static bool searched;

static bool same_place(const struct pci_function *a, const struct pci_function *b)
{
    return a->segment == b->segment && a->bus == b->bus && a->device == b->device && a->function == b->function;
}

static struct device *device_new(void)
{
    return device_count < DEVICES_MAX ? &devices[device_count++] : NULL;
}

static struct device *device_of(const struct pci_function *function)
{
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].pci && same_place(&devices[i].function, function))
            return &devices[i];
    return device_new();
}

static struct device *device_at(uint64_t physical)
{
    for (unsigned i = 0; i < device_count; i++)
        if (!devices[i].pci && devices[i].physical == physical)
            return &devices[i];
    return device_new();
}

static void place(struct device *device, uint64_t physical, const struct interrupt *interrupt)
{
    device->interrupt = *interrupt;
    device->physical = physical;
    device->factory = physical ? memory_map(physical, SHMEM_PAGE, MEMORY_DEVICE) : NULL;
}

/* The factory page's word on its interrupt; 0 when it has none. */
static unsigned vector_line(const struct device *device)
{
    uint32_t vector = device->factory ? (uint32_t)mmio_read(device->factory + FACTORY_VECTOR, 4) : 0;

    return vector == UINT32_MAX ? 0 : vector;
}

static void find_functions(void)
{
    struct pci_function found[DEVICES_MAX];
    size_t count = pci_find(SHMEM_VENDOR_ID, SHMEM_DEVICE_ID, found, DEVICES_MAX);

    for (size_t i = 0; i < count; i++) {
        struct device *device = device_of(&found[i]);

        if (!device)
            return;
        device->pci = true;
        device->function = found[i];
        place(device, found[i].bar[0].base,
              &(struct interrupt){.function = &device->function, .line = pci_interrupt_line(&device->function)});
        if (device->interrupt.line == 0)
            device->interrupt.line = vector_line(device);
    }
}

static void find_listed(void)
{
    struct listed_device listed[DEVICES_MAX];
    size_t count = devices_listed(listed, DEVICES_MAX);

    for (size_t i = 0; i < count; i++) {
        struct device *device = device_at(listed[i].address);

        if (!device)
            return;
        place(device, listed[i].address, &listed[i].interrupt);
        device->covers = listed[i].covers;
    }
}

unsigned devices_find(bool again)
{
    if (searched && !again)
        return device_count;
    find_functions();
    find_listed();
    searched = true;
    return device_count;
}

struct device *device_number(unsigned number)
{
    return number < device_count && devices[number].factory ? &devices[number] : NULL;
}

struct device *device_selected(struct call *call)
{
    if (devices_find(false) == 0) {
        call_fail(call, FAIL_STATE, "no shmem device in this guest", NULL);
        return NULL;
    }
    if (!devices[selected].factory) {
        call_fail(call, FAIL_STATE, "the factory page of the device has no address", NULL);
        return NULL;
    }
    return &devices[selected];
}

static void describe_bars(struct json *json, const struct pci_function *function)
{
    json_array(json, "bars");
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &function->bar[i];

        if (!bar->size)
            continue;
        json_object(json, NULL);
        json_number(json, "bar", i);
        json_hex(json, "address", bar->base);
        json_number(json, "size", bar->size);
        json_string(json, "space", bar->io ? "io" : "memory");
        json_bool(json, "wide", bar->wide);
        json_bool(json, "prefetchable", bar->prefetchable);
        json_object_end(json);
    }
    json_array_end(json);
}

static void describe_pci(struct json *json, const struct pci_function *function)
{
    json_object(json, "pci");
    json_number(json, "segment", function->segment);
    json_number(json, "bus", function->bus);
    json_number(json, "device", function->device);
    json_number(json, "function", function->function);
    json_hex(json, "vendor_id", function->vendor_id);
    json_hex(json, "device_id", function->device_id);
    json_hex(json, "class", function->class_code);
    json_number(json, "revision", function->revision);
    json_number(json, "interrupt_line", function->interrupt_line);
    json_number(json, "interrupt_pin", function->interrupt_pin);
    describe_bars(json, function);
    json_object_end(json);
}

static void describe(struct json *json, unsigned index)
{
    const struct device *device = &devices[index];

    json_object(json, NULL);
    json_number(json, "device", index);
    json_string(json, "placement", device->pci ? "pci" : "mmio");
    json_hex(json, "factory", device->physical);
    if (device->factory)
        json_hex(json, "signature", mmio_read(device->factory + FACTORY_SIGNATURE, 8));
    else
        json_null(json, "signature");
    json_number(json, "interrupt", device->interrupt.line == LINE_OF_DRIVER ? 0 : device->interrupt.line);
    json_bool(json, "edge", device->interrupt.edge);
    json_number(json, "covers", device->covers);
    if (device->pci)
        describe_pci(json, &device->function);
    json_object_end(json);
}

static void run_find(struct call *call)
{
    unsigned count = devices_find(true);

    json_array(&call->json, "devices");
    for (unsigned i = 0; i < count; i++)
        describe(&call->json, i);
    json_array_end(&call->json);
}

static void run_select(struct call *call)
{
    unsigned count = devices_find(false);
    uint64_t index;

    if (!call_number(call, 1, UINT64_MAX, &index))
        return;
    if (index >= count) {
        call_fail(call, FAIL_STATE, "no such device", call->word[1]);
        return;
    }
    selected = (unsigned)index;
    json_number(&call->json, "device", index);
}

/* ADDRESS LINE [edge|level]: a memory-mapped device that no table of the machine lists. It is selected. */
static void run_device(struct call *call)
{
    struct interrupt interrupt = {0};
    uint64_t physical, line;
    struct device *device;

    devices_find(false);
    if (!call_number(call, 1, UINT64_MAX, &physical) || !call_number(call, 2, UINT32_MAX, &line))
        return;
    if (physical == 0 || physical % SHMEM_PAGE) {
        call_fail(call, FAIL_USAGE, "a factory page begins at a multiple of 4096", call->word[1]);
        return;
    }
    device = device_at(physical);
    if (!device) {
        call_fail(call, FAIL_LIMIT, "the table of devices is full", NULL);
        return;
    }
    interrupt.line = (unsigned)line;
    interrupt.edge = call->words > 3 && text_equal(call->word[3], "edge");
    device_ignore(device);
    place(device, physical, &interrupt);
    selected = (unsigned)(device - devices);
    json_array(&call->json, "devices");
    describe(&call->json, selected);
    json_array_end(&call->json);
}

const struct command device_commands[] = {
    {"find", "", 0, 0, run_find},
    {"device", "ADDRESS LINE [edge|level]", 2, 3, run_device},
    {"select", "DEVICE", 1, 1, run_select},
    {0},
};
