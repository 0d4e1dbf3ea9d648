/* SPDX-License-Identifier: Apache-2.0 */
/* The console on COM1, a 16550. */
#include "machine.h"
#include "ports.h"

enum {
    COM1 = 0x3f8,
    COM1_PIN = 4,
    DATA = COM1,
    INTERRUPT_ENABLE = COM1 + 1,
    FIFO_CONTROL = COM1 + 2,      /* written; read, it is the next one */
    INTERRUPT_IDENTITY = COM1 + 2,
    LINE_CONTROL = COM1 + 3,
    MODEM_CONTROL = COM1 + 4,
    LINE_STATUS = COM1 + 5,

    ENABLE_RECEIVE = 1,
    FIFO_ON = 1,
    FIFO_IS_ON = 0xc0,
    FIFO_BYTES = 16,
    FIFO_LEVEL = 6,               /* bits 6 and 7: how full it is when it interrupts */
    LINE_8N1 = 3,
    LINE_DIVISOR = 0x80,
    DIVISOR_115200 = 1,
    MODEM_READY = 3,
    MODEM_INTERRUPT = 8,
    STATUS_DATA = 1,
    STATUS_SPACE = 0x20,
    STATUS_IDLE = 0x40,
};

static bool may_sleep;
static unsigned burst = 1;        /* bytes that may be written at once when there is space */

void serial_start(bool wakes)
{
    port_out8(LINE_CONTROL, LINE_DIVISOR | LINE_8N1);
    port_out8(DATA, DIVISOR_115200);
    port_out8(INTERRUPT_ENABLE, 0);
    port_out8(LINE_CONTROL, LINE_8N1);
    port_out8(FIFO_CONTROL, FIFO_ON);
    burst = (port_in8(INTERRUPT_IDENTITY) & FIFO_IS_ON) == FIFO_IS_ON ? FIFO_BYTES : 1;
    /* What came before is dropped with the switch to the FIFO, but QEMU offers no more until DATA has been read. */
    port_in8(DATA);
    port_out8(MODEM_CONTROL, MODEM_READY | MODEM_INTERRUPT);
    may_sleep = wakes;
    if (!wakes)
        return;
    apic_route(COM1_PIN, VECTOR_SERIAL, true);
}

/*
 * The interrupt's only purpose is to end a sleep, and not that of each byte: QEMU takes 70 us for one, and has no more of
 * them ready than the FIFO takes before it interrupts. The level is never above what is on the way, so that no time-out
 * is needed, which not all UARTs have.
 */
static void wait_for_bytes(size_t missing)
{
    static const uint8_t levels[] = {1, 4, 8, 14};
    unsigned level = 3;

    while (levels[level] > missing && level > 0)
        level--;
    interrupts_mask();
    port_out8(FIFO_CONTROL, (uint8_t)(FIFO_ON | level << FIFO_LEVEL));
    port_out8(INTERRUPT_ENABLE, ENABLE_RECEIVE);
    if (port_in8(LINE_STATUS) & STATUS_DATA)
        interrupts_unmask();
    else
        processor_sleep(0);
    port_out8(INTERRUPT_ENABLE, 0);
}

int console_read(size_t missing)
{
    while (!(port_in8(LINE_STATUS) & STATUS_DATA)) {
        if (may_sleep)
            wait_for_bytes(missing);
        else
            __asm__ volatile("pause" ::: "memory");
    }
    return port_in8(DATA);
}

void console_write(const char *text, size_t length)
{
    while (length) {
        while (!(port_in8(LINE_STATUS) & STATUS_SPACE))
            continue;
        for (unsigned left = burst; left && length; left--, length--)
            port_out8(DATA, (uint8_t)*text++);
    }
}

void console_flush(void)
{
    while (!(port_in8(LINE_STATUS) & STATUS_IDLE))
        continue;
}
