/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"
#include "mmio.h"
#include "text.h"

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

static void say(const char *text)
{
    console_write(text, text_length(text));
}

static void say_hex(uint64_t value)
{
    char digits[16];

    hex_write(digits, value, sizeof digits);
    console_write(digits, sizeof digits);
}

struct fault_context *fault_take(const struct fault *fault)
{
    if (current) {
        current->fault = *fault;
        return current;
    }
    say("\r\nprobe: fault outside of a command: ");
    say(fault->what);
    say(" at 0x");
    say_hex(fault->pc);
    say(" address 0x");
    say_hex(fault->address);
    say("\r\n");
    power_off();
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
