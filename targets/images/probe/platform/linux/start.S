/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the program (its arguments on the stack are of no interest), and the return from signals. */

    .section .note.GNU-stack, "", %progbits
    .text
    .global _start
    .global signal_return

#if defined(__x86_64__)
_start:
    xor     %ebp, %ebp
    and     $-16, %rsp
    call    program_start

signal_return:
    mov     $15, %eax
    syscall
#else
_start:
    mov     x29, xzr
    mov     x30, xzr
    bl      program_start

signal_return:
    mov     x8, #139
    svc     #0
#endif
