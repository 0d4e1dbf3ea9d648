/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry by the PVH boot protocol (Xen public header arch-x86/hvm/start_info.h): 32-bit protected mode, paging off,
 * flat segments, EBX points to the start information. Then interrupt stubs.
 */

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 4, 18              /* owner's length, value's length, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   _start

    .section .text.start, "ax"
    .code32
    .global _start
_start:
    cli
    cld
    mov     $bss_start, %edi
    mov     $bss_end, %ecx
    sub     %edi, %ecx
    shr     $2, %ecx
    xor     %eax, %eax
    rep stosl

    /* The first GiB in large pages, until pagetable.c has made the real tables. */
    movl    $boot_level1 + 3, boot_level0
    movl    $boot_level2 + 3, boot_level1
    mov     $boot_level2, %edi
    mov     $0x83, %eax
1:  mov     %eax, (%edi)
    add     $8, %edi
    add     $0x200000, %eax
    cmp     $0x40000000, %eax
    jb      1b

    /* Physical address extension, SSE for the benchmark's loops; long mode; paging. */
    mov     %cr4, %eax
    or      $0x620, %eax
    mov     %eax, %cr4
    mov     $boot_level0, %eax
    mov     %eax, %cr3
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x100, %eax
    wrmsr
    mov     %cr0, %eax
    and     $~0x4, %eax
    or      $0x80000003, %eax
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $8, $long_mode

    .code64
long_mode:
    mov     $16, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    mov     $stack_top, %esp
    mov     %ebx, %edi
    call    platform_start
1:  hlt
    jmp     1b

    .section .data
    .balign 16
    .global gdt
gdt:
    .quad   0
    .quad   0x00af9b000000ffff    /* 8: code, 64 bits */
    .quad   0x00cf93000000ffff    /* 16: data */
    .quad   0, 0                  /* 24: task state, filled in by interrupts.c */
gdt_pointer:
    .word   . - gdt - 1
    .long   gdt

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_level0: .skip 4096
boot_level1: .skip 4096
boot_level2: .skip 4096

    /* 256 stubs, 16 bytes each: all leave an error code and the vector on the stack. */
    .section .text.stubs, "ax"
    .global interrupt_stubs
    .balign 16
interrupt_stubs:
    .set    vector, 0
    .rept   256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push    $0
    .endif
    push    $vector
    jmp     interrupt_entry
    .set    vector, vector + 1
    .endr

    /* struct frame in interrupts.c */
interrupt_entry:
    push    %rax
    push    %rbx
    push    %rcx
    push    %rdx
    push    %rsi
    push    %rdi
    push    %rbp
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    cld
    mov     %rsp, %rdi
    mov     %rsp, %rbx
    and     $-16, %rsp
    call    interrupt
    mov     %rbx, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rbp
    pop     %rdi
    pop     %rsi
    pop     %rdx
    pop     %rcx
    pop     %rbx
    pop     %rax
    add     $16, %rsp
    iretq
