/* SPDX-License-Identifier: Apache-2.0 */
/* Entry at EL1 with the MMU off; exception vectors. */

    .section .text.start, "ax"
    .global _start
_start:
    msr     daifset, #15
    mov     x19, x0

    /* A tree where the image has memory of its own moves behind the image: last bytes first, as the places may overlap. */
    cbz     x0, 3f
    tst     x0, #7
    b.ne    3f
    adrp    x1, bss_start
    add     x1, x1, :lo12:bss_start
    cmp     x0, x1
    b.lo    3f
    adrp    x1, image_end
    add     x1, x1, :lo12:image_end
    cmp     x0, x1
    b.hs    3f
    ldr     w2, [x0]
    mov     w3, #0xfeed
    movk    w3, #0xd00d, lsl #16
    rev     w2, w2
    cmp     w2, w3
    b.ne    3f
    ldr     w2, [x0, #4]
    rev     w2, w2
    add     x2, x2, #7
    and     x2, x2, #~7
    add     x1, x1, #7
    and     x19, x1, #~7
1:  sub     x2, x2, #8
    ldr     x3, [x0, x2]
    str     x3, [x19, x2]
    cbnz    x2, 1b
3:
    /* Code runs on SP_EL0, exceptions on SP_EL1: an overflown stack can still be reported. */
    msr     spsel, #1
    adrp    x1, exception_stack_top
    add     x1, x1, :lo12:exception_stack_top
    mov     sp, x1
    msr     spsel, #0
    adrp    x1, stack_top
    add     x1, x1, :lo12:stack_top
    mov     sp, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    /* The benchmark's vector registers. */
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1
    isb
    adrp    x1, bss_start
    add     x1, x1, :lo12:bss_start
    adrp    x2, bss_end
    add     x2, x2, :lo12:bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  mov     x0, x19
    bl      platform_start
3:  wfi
    b       3b

    /* struct frame in exception.c: x0 to x30, ELR, SPSR. */
    .macro vector kind
    .balign 128
    sub     sp, sp, #272
    stp     x0, x1, [sp]
    mov     x1, #\kind
    b       exception_entry
    .endm

    .section .text.vectors, "ax"
    .balign 2048
vectors:
    .irp kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vector \kind
    .endr

exception_entry:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x2, elr_el1
    stp     x30, x2, [sp, #240]
    mrs     x2, spsr_el1
    str     x2, [sp, #256]
    mov     x0, sp
    bl      exception
    ldr     x2, [sp, #256]
    msr     spsr_el1, x2
    ldp     x30, x2, [sp, #240]
    msr     elr_el1, x2
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp]
    add     sp, sp, #272
    eret
