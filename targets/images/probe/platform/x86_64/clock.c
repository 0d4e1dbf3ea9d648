/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock: the time-stamp counter, at a rate on which two sources agree. A machine that has one source alone is taken at
 * its word when that can be true. Otherwise there is no clock, and who needs one is told why.
 */
#include "machine.h"
#include "timers.h"

#define MHZ 1000000ull

static const struct source {
    const char *name;
    uint64_t (*rate)(void);
} sources[] = {
    {"CPUID", rate_by_cpuid}, {"ACPI timer", rate_by_acpi}, {"HPET", rate_by_hpet},
    {"PIT", rate_by_pit},     {"RTC", rate_by_rtc},
};

enum { SOURCES = sizeof sources / sizeof *sources, CPUID = 0, RTC = SOURCES - 1 };

static bool possible(uint64_t rate)
{
    return rate >= 10 * MHZ && rate <= 20000 * MHZ;
}

static bool agree(uint64_t one, uint64_t other)
{
    return (one > other ? one - other : other - one) <= one / 20;
}

/* Asks one source after the other until two agree. The slow one is not asked when one measured rate stands alone. */
static uint64_t settle(const char **words)
{
    uint64_t rate[SOURCES];
    unsigned only = SOURCES, heard = 0;

    for (unsigned i = 0; i < SOURCES; i++) {
        if (i == RTC && heard == 1 && only != CPUID)
            break;
        rate[i] = sources[i].rate();
        if (!possible(rate[i])) {
            rate[i] = 0;
            continue;
        }
        for (unsigned j = 0; j < i; j++) {
            if (rate[j] && agree(rate[j], rate[i])) {
                *words = sources[j].name;
                return rate[j];
            }
        }
        heard++;
        only = i;
    }
    if (heard == 1) {
        *words = sources[only].name;
        return rate[only];
    }
    *words = heard ? "no clock: CPUID, ACPI timer, HPET, PIT and RTC do not agree within 5 %"
                   : "no clock: none of CPUID, ACPI timer, HPET, PIT and RTC tells the rate of the time-stamp counter";
    return 0;
}

uint64_t clock_rate_hz(void)
{
    static bool settled;
    static uint64_t rate;

    if (!settled)
        rate = settle(&facts.clock);
    settled = true;
    return rate;
}

uint64_t clock_now_ns(void)
{
    const uint64_t second = 1000000000;
    uint64_t rate = clock_rate_hz(), ticks = counter();

    return ticks / rate * second + ticks % rate * second / rate;
}
