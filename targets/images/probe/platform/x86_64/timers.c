/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of the time-stamp counter's rate. Any of them may be missing: ports and memory that nothing has read as ones.
 * So every wait is bounded by the time-stamp counter itself, and a timer counts only when it runs steadily.
 */
#include "acpi.h"
#include "machine.h"
#include "mmio.h"
#include "ports.h"
#include "timers.h"

enum { TRIES = 20, PAIRS = 4, PATIENCE = 400000000 /* ticks: 0.2 s at 2 GHz */ };

struct timer {
    uint64_t hz;
    uint64_t mask;                /* of the bits that it has */
    uint64_t (*read)(void);       /* counts up */
};

struct pair {
    uint64_t ticks, time;
};

uint64_t counter(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint32_t cpuid(uint32_t leaf, uint32_t *b, uint32_t *c)
{
    uint32_t a = leaf, d;

    *c = 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(*b), "+c"(*c), "=d"(d));
    return a;
}

/* Crystal clock times ratio (leaf 0x15), or the hypervisor's word in kHz (leaf 0x40000010). */
uint64_t rate_by_cpuid(void)
{
    enum { LEAF_CRYSTAL = 0x15, LEAF_HYPERVISOR = 0x40000000, LEAF_RATES = 0x40000010, HYPERVISOR_PRESENT = 1u << 31 };
    uint32_t a, b, c, most;

    if (cpuid(0, &b, &c) >= LEAF_CRYSTAL) {
        a = cpuid(LEAF_CRYSTAL, &b, &c);
        if (a && b && c)
            return (uint64_t)c * b / a;
    }
    cpuid(1, &b, &c);
    if (!(c & HYPERVISOR_PRESENT))
        return 0;
    most = cpuid(LEAF_HYPERVISOR, &b, &c);
    return most >= LEAF_RATES && most < LEAF_HYPERVISOR + 0x10000 ? cpuid(LEAF_RATES, &b, &c) * 1000ull : 0;
}

/* Readings close together: of a few tries, the ones with the shortest way between them. */
static struct pair pair_read(const struct timer *timer)
{
    uint64_t best = UINT64_MAX;
    struct pair pair = {0};

    for (int i = 0; i < PAIRS; i++) {
        uint64_t before = counter(), now = timer->read(), took = counter() - before;

        if (took < best) {
            best = took;
            pair = (struct pair){before + took / 2, now};
        }
    }
    return pair;
}

/* The rate over 2.5 ms from FIRST on, which comes to be the end of that time; 0 when the timer stands still. */
static uint64_t rate_from(const struct timer *timer, struct pair *first)
{
    const struct pair start = *first;
    uint64_t passed;

    do {
        *first = pair_read(timer);
        passed = (first->time - start.time) & timer->mask;
        if (first->ticks - start.ticks > PATIENCE)
            return 0;
    } while (passed < timer->hz / 400);
    return (first->ticks - start.ticks) * timer->hz / passed;
}

static bool differ_little(uint64_t one, uint64_t other)
{
    return (one > other ? one - other : other - one) <= one / 100;
}

/*
 * Two times in a row that agree within 1 %. On a busy machine the guest may have been stopped within one of them for so
 * long that the timer went round: then it is tried again.
 */
static uint64_t rate_by(const struct timer *timer)
{
    for (int i = 0; i < TRIES; i++) {
        struct pair pair = pair_read(timer);
        uint64_t one = rate_from(timer, &pair), other = one ? rate_from(timer, &pair) : 0;

        if (!other)
            return 0;
        if (differ_little(one, other))
            return (one + other) / 2;
    }
    return 0;
}

static uint16_t acpi_port;

static uint64_t acpi_read(void)
{
    return port_in32(acpi_port);
}

uint64_t rate_by_acpi(void)
{
    struct acpi_timer told = acpi_timer();

    acpi_port = told.port;
    return told.port ? rate_by(&(struct timer){.hz = 3579545, .mask = told.mask, .read = acpi_read}) : 0;
}

static volatile uint8_t *hpet;

static uint64_t hpet_read(void)
{
    enum { HPET_COUNTER = 0xf0 };

    return mmio_read(hpet + HPET_COUNTER, 4);
}

/* IA-PC HPET Specification 1.0a, at its usual address. */
uint64_t rate_by_hpet(void)
{
    enum { HPET_BASE = 0xfed00000u, PERIOD = 4, CONFIGURATION = 0x10, RUN = 1, PERIOD_MAX = 100000000 };
    const uint64_t femtoseconds = 1000000000000000;
    uint64_t period;

    hpet = memory_map(HPET_BASE, 4096, MEMORY_DEVICE);
    period = hpet ? mmio_read(hpet + PERIOD, 4) : 0;
    if (period == 0 || period > PERIOD_MAX)
        return 0;
    mmio_write(hpet + CONFIGURATION, 4, mmio_read(hpet + CONFIGURATION, 4) | RUN);
    return rate_by(&(struct timer){.hz = femtoseconds / period, .mask = UINT32_MAX, .read = hpet_read});
}

enum { PIT_CHANNEL_0 = 0x40, PIT_COMMAND = 0x43, PIT_LATCH = 0, PIT_RATE = 0x34, PIT_ONCE = 0x30 };

static uint64_t pit_read(void)
{
    uint8_t low;

    port_out8(PIT_COMMAND, PIT_LATCH);
    low = port_in8(PIT_CHANNEL_0);
    return (uint16_t)-(low | port_in8(PIT_CHANNEL_0) << 8);
}

/* Channel 0 of the 8254: the others can be without a gate. Nobody has its interrupt, and in the end it is silent. */
uint64_t rate_by_pit(void)
{
    uint64_t rate;

    port_out8(PIT_COMMAND, PIT_RATE);
    port_out8(PIT_CHANNEL_0, 0);
    port_out8(PIT_CHANNEL_0, 0);
    rate = rate_by(&(struct timer){.hz = 1193182, .mask = UINT16_MAX, .read = pit_read});
    port_out8(PIT_COMMAND, PIT_ONCE);
    return rate;
}

static uint8_t rtc_register(uint8_t index)
{
    enum { RTC_INDEX = 0x70, RTC_DATA = 0x71 };

    port_out8(RTC_INDEX, index);
    return port_in8(RTC_DATA);
}

/* The time-stamp counter at the next change of the seconds; 0 when none comes. */
static uint64_t rtc_change(void)
{
    enum { SECONDS = 0 };
    const uint64_t patience = 15000000000; /* ticks: 1.5 s at 10 GHz */
    uint64_t start = counter(), now = start;
    uint8_t seconds = rtc_register(SECONDS);

    while (now - start < patience) {
        now = counter();
        if (rtc_register(SECONDS) != seconds)
            return now;
    }
    return 0;
}

/* The clock of a PC (MC146818): slow, as it tells whole seconds, two of which have to agree. */
uint64_t rate_by_rtc(void)
{
    enum { STATUS_B = 11, STATUS_B_STOPPED = 0x80, STATUS_D = 13, STATUS_D_VALID = 0x80, SECONDS_MOST = 6 };
    uint64_t change, next, rate = 0;

    if (rtc_register(STATUS_D) != STATUS_D_VALID || rtc_register(STATUS_B) & STATUS_B_STOPPED)
        return 0;
    change = rtc_change();
    for (int i = 0; change && i < SECONDS_MOST; i++) {
        uint64_t before = rate;

        next = rtc_change();
        if (!next)
            return 0;
        rate = next - change;
        change = next;
        if (before && differ_little(before, rate))
            return (before + rate) / 2;
    }
    return 0;
}
