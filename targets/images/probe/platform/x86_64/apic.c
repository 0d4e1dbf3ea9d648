/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC and IO-APIC (Intel SDM, volume 3, chapter 10; 82093AA data sheet). */
#include "acpi.h"
#include "machine.h"
#include "mmio.h"
#include "ports.h"

enum {
    LOCAL_BASE = 0xfee00000u,
    LOCAL_ID = 0x20,
    LOCAL_PRIORITY = 0x80,
    LOCAL_END = 0xb0,
    LOCAL_SPURIOUS = 0xf0,
    LOCAL_ENABLE = 0x100,
    LOCAL_TIMER = 0x320,
    LOCAL_TIMER_START = 0x380,
    LOCAL_TIMER_NOW = 0x390,
    LOCAL_TIMER_DIVIDE = 0x3e0,
    LOCAL_TIMER_DIVIDE_16 = 3,
    LOCAL_MASKED = 1 << 16,

    USUAL_IO_BASE = 0xfec00000u,
    IO_SELECT = 0x00,
    IO_WINDOW = 0x10,
    IO_VERSION = 1,
    IO_REDIRECTION = 16,
    IO_MASKED = 1 << 16,
    IO_LEVEL = 1 << 15,
    IO_LOW = 1 << 13,

    PIC_MASK_1 = 0x21,
    PIC_MASK_2 = 0xa1,
};

static volatile uint8_t *local, *io;
static bool io_present;

static uint32_t io_read(unsigned index)
{
    mmio_write(io + IO_SELECT, 4, index);
    return (uint32_t)mmio_read(io + IO_WINDOW, 4);
}

static void io_write(unsigned index, uint32_t value)
{
    mmio_write(io + IO_SELECT, 4, index);
    mmio_write(io + IO_WINDOW, 4, value);
}

bool apic_start(void)
{
    uint64_t told = acpi_io_apic();

    local = memory_map(LOCAL_BASE, 4096, MEMORY_DEVICE);
    io = memory_map(told ? told : USUAL_IO_BASE, 4096, MEMORY_DEVICE);
    port_out8(PIC_MASK_1, 0xff);
    port_out8(PIC_MASK_2, 0xff);
    io_present = io_read(IO_VERSION) != UINT32_MAX;
    if (!io_present)
        return false;
    mmio_write(local + LOCAL_PRIORITY, 4, 0);
    mmio_write(local + LOCAL_SPURIOUS, 4, LOCAL_ENABLE | VECTOR_SPURIOUS);
    return true;
}

unsigned apic_pins(void)
{
    return io_present ? (io_read(IO_VERSION) >> 16 & 0xff) + 1 : 0;
}

/* Fixed delivery to this processor. Level-triggered inputs are PCI's: active low. */
void apic_route(unsigned pin, unsigned vector, bool edge)
{
    io_write(IO_REDIRECTION + 2 * pin + 1, (uint32_t)mmio_read(local + LOCAL_ID, 4));
    io_write(IO_REDIRECTION + 2 * pin, vector | (edge ? 0 : IO_LEVEL | IO_LOW));
}

void apic_unroute(unsigned pin)
{
    io_write(IO_REDIRECTION + 2 * pin, IO_MASKED);
}

uint64_t apic_message_address(void)
{
    return LOCAL_BASE | mmio_read(local + LOCAL_ID, 4) >> 24 << 12;
}

/* Ticks in a millisecond, measured once. */
static uint64_t timer_rate(void)
{
    enum { MILLISECOND = 1000000 };
    static uint64_t rate;
    uint64_t start, elapsed;

    if (rate)
        return rate;
    mmio_write(local + LOCAL_TIMER, 4, LOCAL_MASKED);
    mmio_write(local + LOCAL_TIMER_DIVIDE, 4, LOCAL_TIMER_DIVIDE_16);
    mmio_write(local + LOCAL_TIMER_START, 4, UINT32_MAX);
    start = clock_now_ns();
    do {
        elapsed = clock_now_ns() - start;
    } while (elapsed < MILLISECOND);
    rate = (UINT32_MAX - mmio_read(local + LOCAL_TIMER_NOW, 4)) * MILLISECOND / elapsed + 1;
    return rate;
}

/* False when it does not count: an interrupt of it would come at no known time. */
bool apic_timer_start(uint64_t nanoseconds)
{
    enum { MILLISECOND = 1000000, SLOWEST = 100, SECOND = 1000000000 };
    uint64_t ticks = (nanoseconds < SECOND ? nanoseconds : SECOND) * timer_rate() / MILLISECOND + 1;

    if (timer_rate() < SLOWEST)
        return false;
    mmio_write(local + LOCAL_TIMER, 4, VECTOR_TIMER);
    mmio_write(local + LOCAL_TIMER_START, 4, ticks < UINT32_MAX ? ticks : UINT32_MAX);
    return true;
}

void apic_timer_stop(void)
{
    mmio_write(local + LOCAL_TIMER_START, 4, 0);
}

void apic_end(void)
{
    mmio_write(local + LOCAL_END, 4, 0);
}
