/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seeded pattern: the little-endian 64-bit word at offset 8*i of a region is the i-th output of splitmix64 started
 * with the seed, so any part can be made or checked by itself. harness.guest.probe.pattern() makes the same bytes.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>

struct mismatch {
    uint64_t count;               /* of bytes */
    uint64_t offset;              /* of the first */
    uint8_t expected, found;
};

void pattern_fill(volatile uint8_t *base, uint64_t offset, uint64_t length, uint64_t seed);
struct mismatch pattern_verify(const volatile uint8_t *base, uint64_t offset, uint64_t length, uint64_t seed);

#endif
