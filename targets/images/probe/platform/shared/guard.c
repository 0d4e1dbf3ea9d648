/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"
#include "mmio.h"
#include "text.h"

int fault_enter(void (*body)(void *), void *argument, struct fault_context *context);

static struct fault_context *current;

bool fault_guard(void (*body)(void *), void *argument, struct fault *fault)
{
    struct fault_context context, *outer = current;
    bool faulted;

    current = &context;
    faulted = fault_enter(body, argument, &context);
    current = outer;
    if (faulted)
        *fault = context.fault;
    return !faulted;
}

struct fault_context *fault_current(void)
{
    return current;
}

/* Not inlined and not a tail call: each level needs stack of its own. */
__attribute__((noinline, disable_tail_calls)) static int recurse(volatile int *above)
{
    volatile int room[256];

    room[0] = *above + 1;
    return room[0] ? recurse(room) + room[1] : 0;
}

bool fault_provoke_common(const char *kind, uint64_t address)
{
    volatile int zero = 0;

    if (text_equal(kind, "read"))
        mmio_read((const void *)address, 4);
    else if (text_equal(kind, "write"))
        mmio_write((void *)address, 4, 0);
    else if (text_equal(kind, "jump"))
        ((void (*)(void))address)();
    else if (text_equal(kind, "stack"))
        recurse(&zero);
    else if (text_equal(kind, "hang"))
        for (;;)
            __asm__ volatile("");
    else
        return false;
    return true;
}
