/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the program (System V ABI: the stack pointer points to the argument count), and the fault guard's part. */

    .section .note.GNU-stack, "", %progbits
    .text
    .global _start
    .global fault_enter
    .global fault_resume
    .global signal_return

#if defined(__x86_64__)
_start:
    xor     %ebp, %ebp
    mov     %rsp, %rdi
    and     $-16, %rsp
    call    program_start

signal_return:
    mov     $15, %eax
    syscall

    /* int fault_enter(body rdi, argument rsi, context rdx) */
fault_enter:
    mov     %rbx, (%rdx)
    mov     %rbp, 8(%rdx)
    mov     %r12, 16(%rdx)
    mov     %r13, 24(%rdx)
    mov     %r14, 32(%rdx)
    mov     %r15, 40(%rdx)
    mov     %rsp, 48(%rdx)
    mov     %rdi, %rax
    mov     %rsi, %rdi
    sub     $8, %rsp
    call    *%rax
    add     $8, %rsp
    xor     %eax, %eax
    ret

    /* void fault_resume(context rdi): fault_enter returns 1 */
fault_resume:
    mov     (%rdi), %rbx
    mov     8(%rdi), %rbp
    mov     16(%rdi), %r12
    mov     24(%rdi), %r13
    mov     32(%rdi), %r14
    mov     40(%rdi), %r15
    mov     48(%rdi), %rsp
    cld
    mov     $1, %eax
    ret
#else
_start:
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, sp
    bl      program_start

signal_return:
    mov     x8, #139
    svc     #0

    /* int fault_enter(body x0, argument x1, context x2) */
fault_enter:
    stp     x19, x20, [x2]
    stp     x21, x22, [x2, #16]
    stp     x23, x24, [x2, #32]
    stp     x25, x26, [x2, #48]
    stp     x27, x28, [x2, #64]
    stp     x29, x30, [x2, #80]
    mov     x9, sp
    str     x9, [x2, #96]
    stp     x29, x30, [sp, #-16]!
    mov     x9, x0
    mov     x0, x1
    blr     x9
    ldp     x29, x30, [sp], #16
    mov     w0, #0
    ret

    /* void fault_resume(context x0): fault_enter returns 1 */
fault_resume:
    ldp     x19, x20, [x0]
    ldp     x21, x22, [x0, #16]
    ldp     x23, x24, [x0, #32]
    ldp     x25, x26, [x0, #48]
    ldp     x27, x28, [x0, #64]
    ldp     x29, x30, [x0, #80]
    ldr     x9, [x0, #96]
    mov     sp, x9
    mov     w0, #1
    ret
#endif
