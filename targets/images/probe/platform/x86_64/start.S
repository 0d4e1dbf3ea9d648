/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry, then interrupt stubs. Who starts the image may be
 *   - a multiboot loader (Multiboot Specification 0.6.96): 32-bit protected mode, EAX a magic number, EBX the information;
 *   - a PVH loader (Xen public header arch-x86/hvm/start_info.h): the same mode, EBX the start information;
 *   - a loader that knows ELF alone and tells nothing: 32-bit protected mode, or long mode, as the file is ELF64.
 * In all of them segments are flat and the image is where its program headers say. boot.c finds out which one it was.
 */

    .set    MULTIBOOT_MAGIC, 0x1badb002
    .set    MULTIBOOT_FLAGS, 0x10002    /* memory information, please; addresses are in this header */

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 4, 18              /* owner's length, value's length, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   _start

    /* A multiboot loader looks for this in the first 8 KiB of the file. Its addresses make it load an ELF64 file, too. */
    .section .text.start, "ax"
    .balign 4
multiboot_header:
    .long   MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
    .long   multiboot_header, image_start, data_end, image_end, _start

    .code32
    .global _start
_start:
    cli
    cld
    mov     %eax, %esi
    xor     %eax, %eax
    .byte   0x40, 0x90            /* 32 bits: inc %eax, nop. 64 bits: a nop with a prefix, so EAX stays 0 */
    test    %eax, %eax
    jnz     protected_mode

    /* Out of a loader's long mode and page tables into ours: by way of 32-bit code with paging off. */
    .code64
    lgdt    gdt_pointer
    mov     $stack_top, %esp
    pushq   $40
    pushq   $leave_paging
    lretq
    .code32
leave_paging:
    mov     %cr0, %eax
    and     $0x7fffffff, %eax
    mov     %eax, %cr0
    mov     $16, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss

protected_mode:
    mov     $bss_start, %edi
    mov     $bss_end, %ecx
    sub     %edi, %ecx
    shr     $2, %ecx
    xor     %eax, %eax
    rep stosl

    /* The first 4 GiB in large pages, until pagetable.c has made the real tables. */
    movl    $boot_level1 + 3, boot_level0
    movl    $boot_level2 + 0x0003, boot_level1
    movl    $boot_level2 + 0x1003, boot_level1 + 8
    movl    $boot_level2 + 0x2003, boot_level1 + 16
    movl    $boot_level2 + 0x3003, boot_level1 + 24
    mov     $boot_level2, %edi
    mov     $0x83, %eax
    mov     $2048, %ecx
1:  mov     %eax, (%edi)
    add     $8, %edi
    add     $0x200000, %eax
    dec     %ecx
    jnz     1b

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
    mov     %esi, %edi
    mov     %ebx, %esi
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
    .quad   0x00cf9b000000ffff    /* 40: code, 32 bits */
gdt_pointer:
    .word   . - gdt - 1
    .quad   gdt

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_level0: .skip 4096
boot_level1: .skip 4096
boot_level2: .skip 4 * 4096

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
