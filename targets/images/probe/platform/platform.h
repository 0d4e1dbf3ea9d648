/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the portable core asks of the machine below it. One platform layer is linked into each probe; the core never
 * knows which. A layer without an operating system lives in platform/bare and platform/ARCH.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_range {
    uint64_t base;
    uint64_t size;
};

enum { PLATFORM_RAM_RANGES = 8 };

struct platform_facts {
    const char *architecture;     /* as the harness names it: "aarch64", "x86_64" */
    const char *platform;         /* "bare", "linux", ... */
    const char *console;          /* for people: what the console is and where */
    const char *build;            /* identifies the image: hexadecimal digits */
    const char *loader;           /* what has started a guest without an operating system; NULL elsewhere */
    const char *clock;            /* by what the clock runs, or why there is none; NULL where that is no question */
    uint64_t boot;                /* differs from one start of the guest to the next */
    struct memory_range ram[PLATFORM_RAM_RANGES];
    size_t ram_ranges;
};

const struct platform_facts *platform_facts(void);

/*
 * Console. A read waits without burning the processor where the machine allows it; -1 means that no more will come.
 * MISSING says how many bytes the sender has on the way at least, so that a sleep need not end with each of them.
 */
int console_read(size_t missing);
void console_write(const char *text, size_t length);

/* A monotonic clock, and the rate of the counter below it. 0: there is no clock, the facts say why, and none is read. */
uint64_t clock_now_ns(void);
uint64_t clock_rate_hz(void);

/*
 * Memory at a guest-physical address. NULL: the machine cannot reach it (or no table space is left).
 * NORMAL is cached where the machine allows it, UNCACHED is not, and nothing of it is left in the caches of the processor.
 * KEEP takes the memory as it is mapped now, and as device memory where it is not mapped.
 */
enum memory_kind { MEMORY_DEVICE, MEMORY_NORMAL, MEMORY_UNCACHED, MEMORY_KEEP };

void *memory_map(uint64_t physical, uint64_t length, enum memory_kind kind);
void memory_unmap(void *address, uint64_t length, enum memory_kind kind);

/* How the processor maps what is at the address, for people; NULL where an operating system decides about that. */
const char *memory_words(const void *address);

/*
 * LENGTH bytes of private RAM of this guest that nothing else uses, or NULL. They are mapped as the memory at physical
 * address LIKE is, with the same offset in a large page, so that a TLB sees no difference between the two.
 */
void *memory_private(uint64_t like, uint64_t length);

/* PCI. Functions come with their BARs placed: the layer assigns those that have no address yet. */
enum { PCI_BARS = 6 };

struct pci_bar {
    uint64_t base;
    uint64_t size;                /* 0: no such BAR, or the upper half of the one before */
    bool io;
    bool wide;                    /* 64 bits */
    bool prefetchable;
};

struct pci_function {
    uint16_t segment;
    uint8_t bus, device, function;
    uint16_t vendor_id, device_id;
    uint32_t class_code;          /* class, subclass, interface */
    uint8_t revision;
    uint8_t interrupt_line, interrupt_pin;
    struct pci_bar bar[PCI_BARS];
};

/* Fills LIST with the functions of that identity, in bus order; returns how many there are (at most LIMIT). */
size_t pci_find(uint16_t vendor_id, uint16_t device_id, struct pci_function *list, size_t limit);
uint32_t pci_config_read(const struct pci_function *function, unsigned offset, unsigned width);
void pci_config_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value);

/* The pin of a function whose line the system finds when a driver takes the function. */
#define LINE_OF_DRIVER UINT32_MAX

/* The line of the function's interrupt pin, numbered as struct interrupt has it; 0 when unknown. */
unsigned pci_interrupt_line(const struct pci_function *function);

struct interrupt {
    bool message;                 /* message-signalled by FUNCTION, instead of by LINE */
    const struct pci_function *function; /* whose interrupt it is; NULL for a memory-mapped device */
    unsigned line;                /* GIC: interrupt id; PC: input of the IO-APIC; 0: unknown */
    bool edge;
};

/* Memory-mapped devices that the machine lists (in a device tree): where the factory page is, how many bytes the entry
 * covers (0: it does not say), and the interrupt. */
struct listed_device {
    uint64_t address, covers;
    struct interrupt interrupt;
};

size_t devices_listed(struct listed_device *list, size_t limit);

/*
 * Calls HANDLER(CONTEXT) for each interrupt, from now until it is closed: at any time, or, where an operating system is
 * in between, from interrupt_wait() and console_read(). False when this platform or machine has no such interrupt.
 * A handler that returns false leaves its line masked, for all who share it, until interrupt_again().
 */
typedef bool interrupt_handler(void *context);

bool interrupt_open(const struct interrupt *interrupt, interrupt_handler *handler, void *context);
void interrupt_again(void *context);
void interrupt_close(void *context);

/*
 * No handler is called while interrupts are masked: what it and the program do to a region is one after the other. Not
 * nested. A platform that calls handlers from waits alone has nothing to do.
 */
void interrupts_mask(void);
void interrupts_unmask(void);

/* Waits until a handler has changed *COUNTER from SEEN, at most until clock_now_ns() is UNTIL. */
void interrupt_wait(const volatile uint64_t *counter, uint64_t seen, uint64_t until);

/* Runs BODY; true when it came to its end, false (and FAULT is filled) when the processor refused an instruction. */
struct fault {
    const char *what;             /* for people: "data abort: translation fault", "general protection" */
    uint64_t pc;
    uint64_t address;             /* 0 where the kind of fault has none */
    uint64_t syndrome;            /* ESR_EL1, or vector << 32 | error code */
};

bool fault_guard(void (*body)(void *), void *argument, struct fault *fault);

/* Faults made on purpose. Returns false for a kind that this platform does not have; else it faults (or hangs). */
bool fault_provoke(const char *kind, uint64_t address);

_Noreturn void power_off(void);
_Noreturn void power_reset(void);

/* The core's entry: the command loop. Returns when the console has ended. */
void probe_main(void);

#endif
