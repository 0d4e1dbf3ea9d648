/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine that is made up, for the fuzzer of the probe: some memory, one device that answers every request with its
 * first slot, interrupts that come at once, and a clock that goes on with each look at it.
 */
#include <stdlib.h>
#include <string.h>

#include "platform.h"
#include "probe_machine.h"

enum { RAM = 1 << 21, FACTORY_AT = 0x10000000, WINDOW_AT = 0x20000000 };

static unsigned char factory[4096] __attribute__((aligned(4096)));
static unsigned char *ram;

void machine_make(void)
{
    ram = malloc(RAM);
    memset(ram, 0, RAM);
    /* What a guest finds in a device that answers every request with its first slot. */
    memcpy(factory, "QVMGSHM\x51", 8);
    memcpy(factory, (uint64_t[]){0x4d534732474d5651, WINDOW_AT}, 16);
}

const struct platform_facts *platform_facts(void)
{
    static const struct platform_facts facts = {
        .architecture = "x86_64", .platform = "bare", .console = "made up", .build = "0123", .boot = 1,
        .ram = {{0, RAM}}, .ram_ranges = 1,
    };

    return &facts;
}

/* Time goes on with each look at it, so that every wait comes to its end. */
uint64_t clock_now_ns(void)
{
    static uint64_t now;

    return now += 1000000000;
}

uint64_t clock_rate_hz(void) { return 1000000000; }

static void *part(unsigned char *memory, uint64_t size, uint64_t base, uint64_t physical, uint64_t count)
{
    if (physical < base || physical - base > size || count > size - (physical - base))
        return NULL;
    return memory + (physical - base);
}

void *memory_map(uint64_t physical, uint64_t count, enum memory_kind kind)
{
    void *found = part(factory, sizeof factory, FACTORY_AT, physical, count);

    (void)kind;
    if (!found)
        found = part(ram, RAM, WINDOW_AT, physical, count);
    return found ? found : part(ram, RAM, 0, physical, count);
}

void memory_unmap(void *address, uint64_t count, enum memory_kind kind)
{
    (void)address, (void)count, (void)kind;
}

const char *memory_words(const void *address)
{
    return address ? "normal" : NULL;
}

void *memory_private(uint64_t like, uint64_t count)
{
    (void)like;
    return count <= RAM ? ram : NULL;
}

static const struct pci_function shmem_function = {
    .device = 5, .vendor_id = 0x1c05, .device_id = 1, .class_code = 0x050000, .interrupt_line = 5, .interrupt_pin = 1,
    .bar = {{FACTORY_AT, 4096, false, false, false}, {0}, {WINDOW_AT, RAM, false, true, true}},
};

size_t pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *list, size_t limit)
{
    if (vendor_id != shmem_function.vendor_id || device_id != shmem_function.device_id || limit == 0)
        return 0;
    list[0] = shmem_function;
    return 1;
}

uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned width)
{
    (void)function;
    return (uint32_t)(offset * 0x01010101u) >> (32 - 8 * width);
}

void pci_config_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    (void)function, (void)offset, (void)width, (void)value;
}

unsigned pci_interrupt_line(const struct pci_function *function) { return function->interrupt_line; }

size_t devices_listed(struct listed_device *list, size_t limit)
{
    if (limit == 0)
        return 0;
    list[0] = (struct listed_device){.address = FACTORY_AT, .interrupt = {.line = 43}};
    return 1;
}

bool interrupt_open(const struct interrupt *interrupt, interrupt_handler *handler, void *context)
{
    (void)interrupt;
    handler(context);
    return true;
}

void interrupt_again(void *context) { (void)context; }
void interrupt_close(void *context) { (void)context; }
void interrupts_mask(void) {}
void interrupts_unmask(void) {}

void interrupt_wait(const volatile uint64_t *counter, uint64_t before, uint64_t until)
{
    (void)counter, (void)before, (void)until;
}

bool fault_guard(void (*body)(void *), void *argument, struct fault *fault)
{
    (void)fault;
    body(argument);
    return true;
}

bool fault_provoke(const char *kind, uint64_t address)
{
    (void)kind, (void)address;
    return false;
}
