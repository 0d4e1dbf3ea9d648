/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACPI_H
#define ACPI_H

#include <stdint.h>

/* Looks for the tables: where the loader has TOLD (0: it has not), then where a PC's firmware leaves the pointer. */
void acpi_start(uint64_t told);

struct acpi_timer {
    uint16_t port;                /* 0: there is none */
    uint32_t mask;                /* of the bits that it has */
};

struct acpi_timer acpi_timer(void);

/* The address of the first IO-APIC; 0: no table tells it. */
uint64_t acpi_io_apic(void);

/* They come back when the tables know no such thing, or when it had no effect. */
void acpi_power_off(void);
void acpi_reset(void);

#endif
