/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small hypervisor for one guest, at EL2: it puts the machine's device tree where it is told, or nowhere, and can show the
 * guest the serial port and the interrupt controller at the Foundation Model's addresses, and nothing else of the machine.
 */
    .section .text.start, "ax"
    .global _start
_start:
    adrp    x1, stack_top
    add     x1, x1, :lo12:stack_top
    mov     sp, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el2, x1
    bl      prepare               /* the entry, in x0 */
    msr     elr_el2, x0
    mov     x1, #0x3c5            /* EL1, interrupts masked */
    msr     spsr_el2, x1
    adrp    x1, stage2
    add     x1, x1, :lo12:stage2
    msr     S3_4_C2_C1_0, x1      /* VTTBR_EL2 */
    ldr     x1, =0x80023559       /* 39 bits, from level 1 on, 4 KiB, write-back */
    msr     vtcr_el2, x1
    mov     x1, #3                /* the timers are the guest's */
    msr     cnthctl_el2, x1
    msr     cntvoff_el2, xzr
    mov     x1, #0x33ff           /* nothing of the processor is trapped */
    msr     cptr_el2, x1
    mov     x1, #0xf              /* the guest may use the controller's system registers */
    msr     S3_4_C12_C9_5, x1
    isb
    mrs     x1, midr_el1
    msr     vpidr_el2, x1
    mrs     x1, mpidr_el1
    msr     vmpidr_el2, x1
    ldr     x1, =0x30d00800
    msr     sctlr_el1, x1
    ldr     x1, =0x80000001       /* 64 bits; translation of the guest's addresses */
    msr     hcr_el2, x1
    tlbi    vmalls12e1
    dsb     sy
    isb
    adrp    x1, told_in_x0
    ldr     x0, [x1, :lo12:told_in_x0]
    eret

    /* A call of the guest's is one to the machine's firmware. */
    .balign 2048
vectors:
    .skip   0x400
    .inst   0xd4000003            /* smc #0 */
    eret

    .section .bss
    .balign 4096
    .skip   8192
stack_top:
