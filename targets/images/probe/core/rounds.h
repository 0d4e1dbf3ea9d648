/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips of signals, whatever device carries them. */
#ifndef ROUNDS_H
#define ROUNDS_H

#include <stdint.h>
#include "command.h"

/* How a peer is signalled, and how its answer is noticed. */
struct bell {
    volatile uint8_t *at;         /* a store of VALUE here signals the peer */
    uint32_t value;
    const volatile uint64_t *heard; /* the peer's answers by interrupt, as the handler counts them ... */
    const volatile uint64_t *taken; /* ... and the interrupts; or, when these are NULL, */
    volatile uint8_t *status;     /* a register that has ... */
    uint32_t mask;                /* ... these bits when the peer has answered, and loses them by the read */
    bool begins;                  /* keep when each round began as well, before its time */
};

/* The words PEER ROUNDS of a command that measures; false (and the call has failed) when they are none. */
bool rounds_wanted(struct call *call, unsigned word, uint64_t *peer, uint64_t *rounds);

/* Whether the word, if it is there, says that moments are kept; another one than "times" is none. */
bool times_wanted(const struct call *call, unsigned word);

/* Signals the peer and waits for its answer, so many times; the answer to the command are the times. */
void rounds_run(struct call *call, const struct bell *bell, uint64_t rounds);

#endif
