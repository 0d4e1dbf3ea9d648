/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC and IO-APIC (Intel SDM, volume 3, chapter 10; 82093AA data sheet). */
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

    IO_BASE = 0xfec00000u,
    IO_SELECT = 0x00,
    IO_WINDOW = 0x10,
    IO_VERSION = 1,
    IO_REDIRECTION = 16,

    PIC_MASK_1 = 0x21,
    PIC_MASK_2 = 0xa1,
};

static volatile uint8_t *local, *io;

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
    local = memory_map(LOCAL_BASE, 4096, MEMORY_DEVICE);
    io = memory_map(IO_BASE, 4096, MEMORY_DEVICE);
    port_out8(PIC_MASK_1, 0xff);
    port_out8(PIC_MASK_2, 0xff);
    if (io_read(IO_VERSION) == UINT32_MAX)
        return false;
    mmio_write(local + LOCAL_PRIORITY, 4, 0);
    mmio_write(local + LOCAL_SPURIOUS, 4, LOCAL_ENABLE | VECTOR_SPURIOUS);
    return true;
}

/* Edge, active high, fixed delivery to this processor. */
void apic_route(unsigned pin, unsigned vector)
{
    io_write(IO_REDIRECTION + 2 * pin + 1, (uint32_t)mmio_read(local + LOCAL_ID, 4));
    io_write(IO_REDIRECTION + 2 * pin, vector);
}

void apic_end(void)
{
    mmio_write(local + LOCAL_END, 4, 0);
}
