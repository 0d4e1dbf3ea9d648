/* SPDX-License-Identifier: Apache-2.0 */
/* Finding devices, and choosing the one that commands mean. */
#include "mmio.h"
#include "shmem.h"

static struct device devices[DEVICES_MAX];
static unsigned device_count;
static unsigned selected;
static bool searched;

static bool same_place(const struct pci_function *a, const struct pci_function *b)
{
    return a->segment == b->segment && a->bus == b->bus && a->device == b->device && a->function == b->function;
}

static struct device *device_at(const struct pci_function *function)
{
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].pci && same_place(&devices[i].function, function))
            return &devices[i];
    return device_count < DEVICES_MAX ? &devices[device_count++] : NULL;
}

unsigned devices_find(bool again)
{
    struct pci_function found[DEVICES_MAX];
    size_t count;

    if (searched && !again)
        return device_count;
    count = pci_find(SHMEM_VENDOR_ID, SHMEM_DEVICE_ID, found, DEVICES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct device *device = device_at(&found[i]);

        if (!device)
            break;
        device->pci = true;
        device->function = found[i];
        device->physical = found[i].bar[0].base;
        device->factory = memory_map(device->physical, SHMEM_PAGE, MEMORY_DEVICE);
    }
    searched = true;
    return device_count;
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

const struct command device_commands[] = {
    {"find", "", 0, 0, run_find},
    {"select", "DEVICE", 1, 1, run_select},
    {0},
};
