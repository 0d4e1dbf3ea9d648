/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of the machine: what the device tree says, or the Foundation Model's where there is none. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include "bare.h"

enum { GIC_NONE = 0, GIC_V2 = 2, GIC_V3 = 3 };

struct machine {
    const void *device_tree;      /* NULL: none found */
    uint64_t uart;
    unsigned uart_intid;          /* 0: unknown */
    bool assumed;                 /* nothing says that any of this is so */
    unsigned gic_version;
    uint64_t gic_distributor;
    uint64_t gic_processor;       /* the CPU interface (version 2) or the redistributors (version 3) */
    uint64_t gic_messages;        /* the frame that turns messages into interrupts (GICv2m); 0: none */
    uint64_t ecam, ecam_size;     /* size 0: no PCI */
    struct pci_windows windows;
    unsigned pci_lines[4];        /* interrupt ids of pin A of devices 0 to 3; the rest rotates */
    bool psci_smc;                /* PSCI is called by SMC instead of HVC */
    uint64_t boot_seed;
};

extern struct machine machine;

/*
 * Fills it, and adds RAM to FACTS. The device tree is at TOLD, at the start of RAM or behind the image, or nowhere. When it
 * comes back, translation may be switched on.
 */
void machine_describe(const void *told, struct platform_facts *facts);

void uart_start(void);
void mmu_start(const struct platform_facts *facts);

void uart_interrupt(void);

/* The interrupt controller. */
void gic_start(void);             /* its version becomes none where there is no controller */
unsigned gic_lines(void);         /* interrupt ids are below this; 0: there is no controller */
void gic_enable(unsigned intid, bool edge);
void gic_disable(unsigned intid);
bool gic_take(unsigned *intid);   /* false: nothing is pending */
void gic_end(unsigned intid);

/* Where message NUMBER must be written, and what; false: there is no frame for that, or it has too few interrupts. */
bool gic_message_target(unsigned number, uint64_t *address, uint32_t *data);
bool gic_message(unsigned intid, unsigned *number);  /* whether an interrupt is a message, and which */

/* Interrupts of the processor. */
void processor_interrupts_start(void);
void processor_interrupt(void);

#endif
