/* SPDX-License-Identifier: Apache-2.0 */
/* The time-stamp counter, whose rate is reported by CPUID or measured against a timer of known rate. */
#include "machine.h"
#include "ports.h"

enum {
    PM_TIMER = 8,                 /* in the power management registers */
    PM_TIMER_HZ = 3579545,
    PM_TIMER_MASK = 0xffffff,
    PM_TIMER_TICKS = PM_TIMER_HZ / 200, /* 5 ms: an error of 1 us makes 0.02 % */

    PIT_CHANNEL_2 = 0x42,
    PIT_COMMAND = 0x43,
    PIT_MODE = 0xb0,              /* channel 2, both bytes, one shot */
    PIT_GATE = 0x61,
    PIT_HZ = 1193182,
    PIT_TICKS = PIT_HZ / 100,
};

static uint64_t start_ticks;
static uint32_t start_timer;

static uint64_t counter(void)
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

/* Crystal clock times ratio (leaf 0x15), or the hypervisor's word in kHz (leaf 0x40000010); 0: neither. */
static uint64_t rate_from_cpuid(void)
{
    enum { LEAF_CRYSTAL = 0x15, LEAF_HYPERVISOR = 0x40000000, LEAF_RATES = 0x40000010, HYPERVISOR_PRESENT = 1u << 31 };
    uint32_t a, b, c;

    if (cpuid(0, &b, &c) >= LEAF_CRYSTAL) {
        a = cpuid(LEAF_CRYSTAL, &b, &c);
        if (a && b && c)
            return (uint64_t)c * b / a;
    }
    cpuid(1, &b, &c);
    if (c & HYPERVISOR_PRESENT && cpuid(LEAF_HYPERVISOR, &b, &c) >= LEAF_RATES)
        return cpuid(LEAF_RATES, &b, &c) * 1000ull;
    return 0;
}

static uint32_t pm_timer(void)
{
    return port_in32(power_base() + PM_TIMER) & PM_TIMER_MASK;
}

/* A pair of readings close together: of a few tries, the one with the shortest way between them. */
static void read_pair(uint64_t *ticks, uint32_t *timer)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 4; i++) {
        uint64_t before = counter();
        uint32_t now = pm_timer();
        uint64_t took = counter() - before;

        if (took < best) {
            best = took;
            *ticks = before + took / 2;
            *timer = now;
        }
    }
}

static uint64_t rate_by_pm_timer(void)
{
    uint64_t ticks;
    uint32_t timer;

    do {
        read_pair(&ticks, &timer);
    } while (((timer - start_timer) & PM_TIMER_MASK) < PM_TIMER_TICKS);
    return (ticks - start_ticks) * PM_TIMER_HZ / ((timer - start_timer) & PM_TIMER_MASK);
}

static uint64_t rate_by_pit(void)
{
    enum { GATE = 1, SPEAKER = 2, OUTPUT = 0x20 };
    uint8_t gate = port_in8(PIT_GATE) & (uint8_t)~(GATE | SPEAKER);
    uint64_t start;

    port_out8(PIT_GATE, gate);
    port_out8(PIT_COMMAND, PIT_MODE);
    port_out8(PIT_CHANNEL_2, PIT_TICKS & 0xff);
    port_out8(PIT_CHANNEL_2, PIT_TICKS >> 8);
    start = counter();
    port_out8(PIT_GATE, gate | GATE);
    while (!(port_in8(PIT_GATE) & OUTPUT))
        continue;
    return (counter() - start) * PIT_HZ / PIT_TICKS;
}

void clock_start(void)
{
    if (power_base())
        read_pair(&start_ticks, &start_timer);
    else
        start_ticks = counter();
}

uint64_t clock_rate_hz(void)
{
    static uint64_t rate;

    if (!rate)
        rate = rate_from_cpuid();
    if (!rate)
        rate = power_base() ? rate_by_pm_timer() : rate_by_pit();
    return rate;
}

uint64_t clock_now_ns(void)
{
    const uint64_t second = 1000000000;
    uint64_t rate = clock_rate_hz(), ticks = counter();

    return ticks / rate * second + ticks % rate * second / rate;
}
