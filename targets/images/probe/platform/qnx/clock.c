/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The free-running counter: clock_gettime() has only the resolution of the system tick before 8.0. From 7.0.1 on, the
 * counters of all processors have to be synchronous (Programmer's Guide, "What time is it?"), so the thread need not be
 * bound to one of them.
 */
#include <stddef.h>
#include <sys/syspage.h>
#include "qnx.h"

enum { NANOSECONDS = 1000000000 };

uint64_t clock_rate_hz(void)
{
    return SYSPAGE_ENTRY(qtime)->cycles_per_sec;
}

uint64_t clock_now_ns(void)
{
    uint64_t cycles = ClockCycles(), rate = clock_rate_hz();

    /* In two parts: the product of the whole would not fit. */
    return cycles / rate * NANOSECONDS + cycles % rate * NANOSECONDS / rate;
}
