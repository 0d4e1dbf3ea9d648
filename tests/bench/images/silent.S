/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that says one line on the console of the virt machine (PL011) and nothing more. */
.global _start
_start:
    ldr x0, =0x09000000
    adr x1, words
1:  ldrb w2, [x1], #1
    cbz w2, 2f
    str w2, [x0]
    b 1b
2:  wfi
    b 2b
words:
    .asciz "cannot find my teeth\r\n"
