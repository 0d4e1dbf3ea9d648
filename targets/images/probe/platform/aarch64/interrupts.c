/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts at the processor: who is called, the timer that ends a sleep, masking. */
#include "machine.h"
#include "system.h"

enum { TIMER_INTID = 27, TIMER_ON = 1, FIRST_SHARED = 32 };

void processor_interrupts_start(void)
{
    if (gic_lines() == 0)
        return;
    SYSTEM_WRITE(cntv_ctl_el0, 0);
    gic_enable(TIMER_INTID, false);
    interrupts_unmask();
}

void processor_interrupt(void)
{
    unsigned intid, number;

    if (!gic_take(&intid))
        return;
    if (intid == TIMER_INTID)
        SYSTEM_WRITE(cntv_ctl_el0, 0);
    else if (intid == machine.uart_intid)
        uart_interrupt();
    else if (gic_message(intid, &number))
        interrupt_dispatch_number(number);
    else
        interrupt_dispatch_line(intid);
    gic_end(intid);
}

void interrupts_mask(void)
{
    __asm__ volatile("msr daifset, #2" ::: "memory");
}

void interrupts_unmask(void)
{
    __asm__ volatile("msr daifclr, #2\n isb" ::: "memory");
}

/* WFI ends with a pending interrupt also while it is masked. */
void processor_sleep(uint64_t until)
{
    const uint64_t second = 1000000000;
    uint64_t now = until ? clock_now_ns() : 0;

    /* With no time left there is no timer either that would end the sleep. */
    if (until && now >= until) {
        interrupts_unmask();
        return;
    }
    if (until) {
        uint64_t wait = until - now < second ? until - now : second;

        SYSTEM_WRITE(cntv_tval_el0, wait * clock_rate_hz() / second + 1);
        SYSTEM_WRITE(cntv_ctl_el0, TIMER_ON);
    }
    __asm__ volatile("isb\n dsb sy\n wfi" ::: "memory");
    if (until)
        SYSTEM_WRITE(cntv_ctl_el0, 0);
    interrupts_unmask();
}

bool line_enable(unsigned line, bool edge)
{
    if (line < FIRST_SHARED || line >= gic_lines() || line == machine.uart_intid)
        return false;
    gic_enable(line, edge);
    return true;
}

void line_disable(unsigned line)
{
    gic_disable(line);
}

/* A GIC of version 3 takes messages through an ITS, which this image does without. */
bool message_target(unsigned number, uint64_t *address, uint32_t *data)
{
    if (!gic_message_target(number, address, data))
        return false;
    gic_enable(*data, true);
    return true;
}
