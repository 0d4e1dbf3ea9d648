/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that idles for some tenths of a second and switches itself off (PSCI SYSTEM_OFF). */
.global _start
_start:
    mov x0, #1 << 28
1:  subs x0, x0, #1
    b.ne 1b
    movz w0, #0x0008
    movk w0, #0x8400, lsl #16
    hvc #0
    b .
