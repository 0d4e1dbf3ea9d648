/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMERS_H
#define TIMERS_H

#include <stdint.h>

/* The time-stamp counter. */
uint64_t counter(void);

/* Its rate by one source each; 0: this machine has no such source, or it does not run steadily. */
uint64_t rate_by_cpuid(void);
uint64_t rate_by_acpi(void);
uint64_t rate_by_hpet(void);
uint64_t rate_by_pit(void);
uint64_t rate_by_rtc(void);

#endif
