/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loader that knows ELF and tells the image nothing: a multiboot kernel whose module is the image. It enters it in 32-bit
 * protected mode, or in long mode when the last word of its command line begins with "l".
 */
    .set    MAGIC, 0x1badb002
    .set    FLAGS, 0x10003

    .section .text.start, "ax"
    .code32
    .balign 4
header:
    .long   MAGIC, FLAGS, -(MAGIC + FLAGS), header, image_start, data_end, image_end, _start

    .global _start
_start:
    mov     $stack_top, %esp
    push    %ebx
    call    load
    pop     %ebx
    mov     %eax, %ebp
    push    %ebx
    call    wants_long_mode
    test    %eax, %eax
    jnz     long_mode
    mov     $0x12345678, %eax
    xor     %ebx, %ebx
    jmp     *%ebp

long_mode:
    movl    $level1 + 3, level0
    movl    $level2 + 3, level1
    mov     $level2, %edi
    mov     $0x83, %eax
1:  mov     %eax, (%edi)
    add     $8, %edi
    add     $0x200000, %eax
    cmp     $0x40000000, %eax
    jb      1b
    mov     %cr4, %eax
    or      $0x20, %eax
    mov     %eax, %cr4
    mov     $level0, %eax
    mov     %eax, %cr3
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x100, %eax
    wrmsr
    mov     %cr0, %eax
    or      $0x80000000, %eax
    mov     %eax, %cr0
    lgdt    pointer
    ljmp    $8, $in_long_mode
    .code64
in_long_mode:
    mov     $0xffffffff87654321, %rax
    mov     $0xfffffffffffffff8, %rbx
    mov     %ebp, %ebp
    jmp     *%rbp

    .section .data
    .balign 16
table:
    .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff
pointer:
    .word   . - table - 1
    .long   table

    .section .bss
    .balign 4096
level0: .skip 4096
level1: .skip 4096
level2: .skip 4096
    .skip   4096
stack_top:
