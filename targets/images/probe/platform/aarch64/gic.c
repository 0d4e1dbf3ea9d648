/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Arm Generic Interrupt Controller, versions 2 (IHI 0048) and 3 (IHI 0069). An enabled interrupt that is pending
 * ends a WFI also while the processor masks interrupts: so waiting needs no handler.
 */
#include "machine.h"
#include "mmio.h"
#include "system.h"

enum {
    GICD_CTLR = 0x0000,
    GICD_IGROUPR = 0x0080,
    GICD_ISENABLER = 0x0100,
    GICD_IPRIORITYR = 0x0400,
    GICD_ITARGETSR = 0x0800,
    GICD_IROUTER = 0x6000,

    GICC_CTLR = 0x0000,
    GICC_PMR = 0x0004,

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
};

static volatile uint8_t *distributor, *processor;

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

void gic_start(void)
{
    if (machine.gic_version == GIC_NONE)
        return;
    distributor = memory_map(machine.gic_distributor, DISTRIBUTOR_SIZE, MEMORY_DEVICE);
    if (machine.gic_version == GIC_V3)
        gic_v3_start();
    else
        gic_v2_start();
}

/* A shared interrupt (32 and up) of this processor. */
void gic_enable(unsigned intid)
{
    uint32_t bit = 1u << intid % 32;
    unsigned word = intid / 32 * 4;

    mmio_write(distributor + GICD_IPRIORITYR + intid, 1, PRIORITY);
    if (machine.gic_version == GIC_V3) {
        mmio_write(distributor + GICD_IGROUPR + word, 4, mmio_read(distributor + GICD_IGROUPR + word, 4) | bit);
        mmio_write(distributor + GICD_IROUTER + 8ull * intid, 8, SYSTEM_READ(mpidr_el1) & 0xff00ffffffull);
    } else {
        mmio_write(distributor + GICD_ITARGETSR + intid, 1, 1);
    }
    mmio_write(distributor + GICD_ISENABLER + word, 4, bit);
}
