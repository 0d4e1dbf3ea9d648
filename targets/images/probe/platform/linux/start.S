/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the program (System V ABI: the stack pointer points to the argument count), and the return from signals. */

    .section .note.GNU-stack, "", %progbits
    .text
    .global _start
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
#else
_start:
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, sp
    bl      program_start

signal_return:
    mov     x8, #139
    svc     #0
#endif
