/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include "bare.h"

extern struct platform_facts facts;

struct boot {
    const char *trouble;          /* for people: what is not as it should be; NULL: nothing */
    uint64_t acpi;                /* where the pointer to the ACPI tables is; 0: not told */
};

/* Finds out who has started the guest, by the values of EAX and EBX, and adds the RAM to FACTS. */
struct boot boot_describe(uint32_t magic, uint32_t information, struct platform_facts *facts);

void interrupts_start(void);

/* Local APIC and IO-APIC. False when the machine has none where its tables say, or where a PC has them. */
bool apic_start(void);
unsigned apic_pins(void);         /* 0: no IO-APIC */
void apic_route(unsigned pin, unsigned vector, bool edge);
void apic_unroute(unsigned pin);
uint64_t apic_message_address(void);
bool apic_timer_start(uint64_t nanoseconds);
void apic_timer_stop(void);
void apic_end(void);

void serial_start(bool wakes);
void mmu_start(const struct platform_facts *facts);
unsigned physical_bits(void);

enum { VECTOR_SERIAL = 0x24, VECTOR_TIMER = 0x25, VECTOR_FIRST = 0x30, VECTOR_LINES = 0x40, VECTOR_SPURIOUS = 0xff };

#endif
