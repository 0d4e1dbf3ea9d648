/* SPDX-License-Identifier: Apache-2.0 */
/* Loops that write, read and copy memory: what they cost is the memory's doing and not theirs, as far as that goes. */
#ifndef LOOPS_H
#define LOOPS_H

#include <stdbool.h>
#include <stdint.h>

enum { LOOP_STEP = 64, LOOP_WORD = 8 };

/*
 * Blocks of a span, again and again until the total is reached: one after the other from the start, or, with a SEED that is
 * not 0, in the random order that it gives. That order has every block of the span once before it begins again, and a run
 * goes on in it where the last one of the same struct has stopped.
 */
struct run {
    char *base;
    uint64_t span, block, total;
    uint64_t seed, position;
};

/* Moves LENGTH bytes; a write has no FROM, a read no TO. Blocks below 64 bytes are whole words. */
typedef void mover(void *to, const void *from, uint64_t length);

struct work {
    const char *name;
    bool copies;                  /* from the first half of the span to the second */
    struct way {
        const char *name;
        mover *move;
    } ways[2];
    mover *small;                 /* for blocks below 64 bytes */
    const struct way *best;       /* the faster of the ways on this machine, once that is known */
};

/* The work of a name (write, read, copy), or NULL. */
struct work *work_named(const char *name);

/* Finds out which way is the faster one, with LENGTH bytes of SCRATCH; does nothing when that is known. */
void work_choose(struct work *work, char *scratch, uint64_t length);

/* Does the work, and returns the nanoseconds. */
uint64_t work_time(const struct work *work, struct run *run);

#endif
