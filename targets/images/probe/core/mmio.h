/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One access of an exact width by one plain instruction. A hypervisor decodes a trapped access from the syndrome, which
 * it gets only for single-register loads and stores without write-back, so the compiler must not choose the form.
 */
#ifndef MMIO_H
#define MMIO_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__aarch64__)
#define MMIO_LOAD(instruction, value, at) __asm__ volatile(instruction : "=r"(value) : "r"(at) : "memory")
#define MMIO_STORE(instruction, value, at) __asm__ volatile(instruction : : "r"(value), "r"(at) : "memory")
#define LOAD8 "ldrb %w0, [%1]"
#define LOAD16 "ldrh %w0, [%1]"
#define LOAD32 "ldr %w0, [%1]"
#define LOAD64 "ldr %0, [%1]"
#define STORE8 "strb %w0, [%1]"
#define STORE16 "strh %w0, [%1]"
#define STORE32 "str %w0, [%1]"
#define STORE64 "str %0, [%1]"
#elif defined(__x86_64__)
#define MMIO_LOAD(instruction, value, at) __asm__ volatile(instruction : "=r"(value) : "r"(at) : "memory")
#define MMIO_STORE(instruction, value, at) __asm__ volatile(instruction : : "r"(value), "r"(at) : "memory")
#define LOAD8 "movzbl (%1), %k0"
#define LOAD16 "movzwl (%1), %k0"
#define LOAD32 "movl (%1), %k0"
#define LOAD64 "movq (%1), %0"
#define STORE8 "movb %b0, (%1)"
#define STORE16 "movw %w0, (%1)"
#define STORE32 "movl %k0, (%1)"
#define STORE64 "movq %0, (%1)"
#else
#error "no accessors for this architecture"
#endif

/*
 * Between two machines that share memory. On x86 a compiler may make an atomic exchange of a fence, which orders nothing
 * where QEMU emulates a machine of one processor.
 */
static inline void machines_fence(void)
{
#if defined(__x86_64__)
    __asm__ volatile("mfence" ::: "memory");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline bool mmio_width_valid(uint64_t width)
{
    return width == 1 || width == 2 || width == 4 || width == 8;
}

static inline uint64_t mmio_read(const volatile void *at, unsigned width)
{
    uint64_t value;

    switch (width) {
    case 1: MMIO_LOAD(LOAD8, value, at); break;
    case 2: MMIO_LOAD(LOAD16, value, at); break;
    case 4: MMIO_LOAD(LOAD32, value, at); break;
    default: MMIO_LOAD(LOAD64, value, at); break;
    }
    return value;
}

static inline void mmio_write(volatile void *at, unsigned width, uint64_t value)
{
    switch (width) {
    case 1: MMIO_STORE(STORE8, value, at); break;
    case 2: MMIO_STORE(STORE16, value, at); break;
    case 4: MMIO_STORE(STORE32, value, at); break;
    default: MMIO_STORE(STORE64, value, at); break;
    }
}

#endif
