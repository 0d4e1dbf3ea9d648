/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"
#include "text.h"

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
    struct fault_context *context = fault_current();

    if (context) {
        context->fault = *fault;
        return context;
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
