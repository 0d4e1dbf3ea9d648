/* SPDX-License-Identifier: Apache-2.0 */
/* The console on a PL011 UART (Arm PrimeCell UART, DDI 0183). Its speed is left as the firmware or hypervisor set it. */
#include "machine.h"
#include "mmio.h"

enum {
    DATA = 0x00,
    FLAGS = 0x18,
    LINE_CONTROL = 0x2c,
    CONTROL = 0x30,
    INTERRUPT_MASK = 0x38,

    FLAG_BUSY = 1 << 3,
    FLAG_RECEIVE_EMPTY = 1 << 4,
    FLAG_TRANSMIT_FULL = 1 << 5,
    LINE_FIFO = 1 << 4,
    LINE_8_BITS = 3 << 5,
    CONTROL_ON = 1 << 0 | 1 << 8 | 1 << 9,
    INTERRUPT_RECEIVE = 1 << 4 | 1 << 6,
};

static volatile uint8_t *uart;
static bool wakes;

static uint32_t get(unsigned offset)
{
    return (uint32_t)mmio_read(uart + offset, 4);
}

static void put(unsigned offset, uint32_t value)
{
    mmio_write(uart + offset, 4, value);
}

void uart_start(void)
{
    uart = memory_map(machine.uart, 4096, MEMORY_DEVICE);
    put(LINE_CONTROL, LINE_FIFO | LINE_8_BITS);
    put(CONTROL, CONTROL_ON);
    /* What came before is dropped with the switch to the FIFO, but QEMU offers no more until DATA has been read. */
    get(DATA);
    put(INTERRUPT_MASK, 0);
    if (gic_lines() == 0 || machine.uart_intid == 0)
        return;
    gic_enable(machine.uart_intid, false);
    wakes = true;
}

/* Its only purpose is to end a sleep. */
void uart_interrupt(void)
{
    put(INTERRUPT_MASK, 0);
}

/* Where the line is assumed, the sleep ends by itself, too. */
static void wait_for_byte(void)
{
    enum { SHORT = 10000000 };

    interrupts_mask();
    put(INTERRUPT_MASK, INTERRUPT_RECEIVE);
    if (get(FLAGS) & FLAG_RECEIVE_EMPTY)
        processor_sleep(machine.assumed ? clock_now_ns() + SHORT : 0);
    else
        interrupts_unmask();
}

int console_read(size_t missing)
{
    (void)missing;
    while (get(FLAGS) & FLAG_RECEIVE_EMPTY) {
        if (wakes)
            wait_for_byte();
        else
            __asm__ volatile("yield" ::: "memory");
    }
    return get(DATA) & 0xff;
}

void console_write(const char *text, size_t length)
{
    while (length--) {
        while (get(FLAGS) & FLAG_TRANSMIT_FULL)
            continue;
        put(DATA, (unsigned char)*text++);
    }
}

void console_flush(void)
{
    while (get(FLAGS) & FLAG_BUSY)
        continue;
}
