/* SPDX-License-Identifier: Apache-2.0 */
/* The Arm Generic Interrupt Controller, versions 2 (IHI 0048) and 3 (IHI 0069). */
#include "machine.h"
#include "mmio.h"
#include "system.h"

enum {
    GICD_CTLR = 0x0000,
    GICD_IGROUPR = 0x0080,
    GICD_ISENABLER = 0x0100,
    GICD_ICENABLER = 0x0180,
    GICD_ICPENDR = 0x0280,
    GICD_IPRIORITYR = 0x0400,
    GICD_ITARGETSR = 0x0800,
    GICD_ICFGR = 0x0c00,
    GICD_IROUTER = 0x6000,

    GICC_CTLR = 0x0000,
    GICC_PMR = 0x0004,
    GICC_IAR = 0x000c,
    GICC_EOIR = 0x0010,

    GICR_PRIVATE = 0x10000,       /* the frame that has the registers of private interrupts */
    GICR_WAKER = 0x0014,
    GICR_WAKER_SLEEP = 1 << 1,
    GICR_WAKER_ASLEEP = 1 << 2,

    CTLR_GROUP_0 = 1 << 0,
    CTLR_GROUP_1 = 1 << 1,
    CTLR_AFFINITY_ROUTING = 1 << 4,

    PRIORITY = 0xa0,
    PRIORITY_ALL = 0xff,
    DISTRIBUTOR_SIZE = 0x10000,
    PROCESSOR_SIZE_V2 = 0x2000,
    PROCESSOR_SIZE_V3 = 0x20000,
    FIRST_SHARED = 32,
    FIRST_SPECIAL = 1020,
    INTID_MASK = 0xffffff,
};

/* The frame of GICv2m (Arm's Server Base System Architecture, appendix E). */
enum {
    V2M_SIZE = 0x1000,
    V2M_TYPER = 0x008,
    V2M_SETSPI = 0x040,
    V2M_BASE_SHIFT = 16,
    V2M_MASK = 0x3ff,
};

static volatile uint8_t *distributor, *processor;
static unsigned first_message, messages;

static void gic_v2_start(void)
{
    processor = memory_map(machine.gic_processor, PROCESSOR_SIZE_V2, MEMORY_DEVICE);
    mmio_write(distributor + GICD_CTLR, 4, CTLR_GROUP_0);
    mmio_write(processor + GICC_PMR, 4, PRIORITY_ALL);
    mmio_write(processor + GICC_CTLR, 4, CTLR_GROUP_0);
}

static void gic_v3_start(void)
{
    processor = memory_map(machine.gic_processor, PROCESSOR_SIZE_V3, MEMORY_DEVICE);
    mmio_write(distributor + GICD_CTLR, 4, CTLR_AFFINITY_ROUTING | CTLR_GROUP_1 | CTLR_GROUP_0);
    mmio_write(processor + GICR_WAKER, 4, mmio_read(processor + GICR_WAKER, 4) & ~(uint64_t)GICR_WAKER_SLEEP);
    while (mmio_read(processor + GICR_WAKER, 4) & GICR_WAKER_ASLEEP)
        continue;
    SYSTEM_WRITE(S3_0_C12_C12_5, SYSTEM_READ(S3_0_C12_C12_5) | 1); /* ICC_SRE_EL1: system registers */
    __asm__ volatile("isb");
    SYSTEM_WRITE(S3_0_C4_C6_0, PRIORITY_ALL);                      /* ICC_PMR_EL1 */
    SYSTEM_WRITE(S3_0_C12_C12_7, 1);                               /* ICC_IGRPEN1_EL1 */
    __asm__ volatile("isb");
}

static void start(void *nothing)
{
    (void)nothing;
    distributor = memory_map(machine.gic_distributor, DISTRIBUTOR_SIZE, MEMORY_DEVICE);
    if (machine.gic_version == GIC_V3)
        gic_v3_start();
    else
        gic_v2_start();
    if (machine.gic_messages) {
        uint64_t type = mmio_read((uint8_t *)memory_map(machine.gic_messages, V2M_SIZE, MEMORY_DEVICE) + V2M_TYPER, 4);

        first_message = type >> V2M_BASE_SHIFT & V2M_MASK;
        messages = type & V2M_MASK;
    }
}

bool gic_message_target(unsigned number, uint64_t *address, uint32_t *data)
{
    *address = machine.gic_messages + V2M_SETSPI;
    *data = first_message + number;
    return number < messages;
}

bool gic_message(unsigned intid, unsigned *number)
{
    *number = intid - first_message;
    return intid >= first_message && *number < messages;
}

/* An assumed one need not be there. */
void gic_start(void)
{
    struct fault fault;

    if (machine.gic_version != GIC_NONE && !fault_guard(start, NULL, &fault))
        machine.gic_version = GIC_NONE;
}

/* Registers of private interrupts are in the redistributor with version 3. */
static volatile uint8_t *registers_of(unsigned intid)
{
    return machine.gic_version == GIC_V3 && intid < FIRST_SHARED ? processor + GICR_PRIVATE : distributor;
}

static void bit_write(volatile uint8_t *registers, unsigned offset, unsigned intid)
{
    mmio_write(registers + offset + intid / 32 * 4, 4, 1u << intid % 32);
}

static void route_here(unsigned intid)
{
    volatile uint8_t *registers = registers_of(intid);
    volatile uint8_t *group = registers + GICD_IGROUPR + intid / 32 * 4;

    mmio_write(registers + GICD_IPRIORITYR + intid, 1, PRIORITY);
    if (machine.gic_version == GIC_V3)
        mmio_write(group, 4, mmio_read(group, 4) | 1u << intid % 32);
    if (intid < FIRST_SHARED)
        return;
    if (machine.gic_version == GIC_V3)
        mmio_write(distributor + GICD_IROUTER + 8ull * intid, 8, SYSTEM_READ(mpidr_el1) & 0xff00ffffffull);
    else
        mmio_write(distributor + GICD_ITARGETSR + intid, 1, 1);
}

void gic_enable(unsigned intid, bool edge)
{
    volatile uint8_t *registers = registers_of(intid);
    volatile uint8_t *trigger = registers + GICD_ICFGR + intid / 16 * 4;
    uint32_t edge_bit = 2u << intid % 16 * 2;

    bit_write(registers, GICD_ICENABLER, intid);
    if (intid >= FIRST_SHARED)
        mmio_write(trigger, 4, (mmio_read(trigger, 4) & ~edge_bit) | (edge ? edge_bit : 0));
    bit_write(registers, GICD_ICPENDR, intid);
    route_here(intid);
    bit_write(registers, GICD_ISENABLER, intid);
}

void gic_disable(unsigned intid)
{
    bit_write(registers_of(intid), GICD_ICENABLER, intid);
}

unsigned gic_lines(void)
{
    enum { GICD_TYPER = 0x0004, LINES_MASK = 0x1f };

    return machine.gic_version == GIC_NONE ? 0 : 32 * ((mmio_read(distributor + GICD_TYPER, 4) & LINES_MASK) + 1);
}

bool gic_take(unsigned *intid)
{
    if (machine.gic_version == GIC_V3)
        *intid = SYSTEM_READ(S3_0_C12_C12_0) & INTID_MASK;         /* ICC_IAR1_EL1 */
    else
        *intid = mmio_read(processor + GICC_IAR, 4) & 0x3ff;
    return *intid < FIRST_SPECIAL;
}

void gic_end(unsigned intid)
{
    if (machine.gic_version == GIC_V3)
        SYSTEM_WRITE(S3_0_C12_C12_1, intid);                       /* ICC_EOIR1_EL1 */
    else
        mmio_write(processor + GICC_EOIR, 4, intid);
}
