/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include "bare.h"

void interrupts_start(void);

/* Local APIC and IO-APIC. False when the machine has none where a PC has them. */
bool apic_start(void);
unsigned apic_pins(void);         /* 0: no IO-APIC */
void apic_route(unsigned pin, unsigned vector, bool edge);
void apic_unroute(unsigned pin);
uint64_t apic_message_address(void);
void apic_timer_start(uint64_t nanoseconds);
void apic_timer_stop(void);
void apic_end(void);

void serial_start(bool wakes);
void mmu_start(const struct platform_facts *facts);
unsigned physical_bits(void);

/* The I/O base of the chip set's power management registers; 0: not a chip set that we know. */
uint16_t power_base(void);

/* Remembers when the guest began: what follows can be timed from here without waiting. */
void clock_start(void);

enum { VECTOR_SERIAL = 0x24, VECTOR_TIMER = 0x25, VECTOR_FIRST = 0x30, VECTOR_SPURIOUS = 0xff };

#endif
