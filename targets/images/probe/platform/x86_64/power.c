/* SPDX-License-Identifier: Apache-2.0 */
/* How the guest ends: by what there is. Each way may be missing, and then its registers swallow what is written. */
#include "acpi.h"
#include "machine.h"
#include "ports.h"

enum {
    KEYBOARD_COMMAND = 0x64,
    KEYBOARD_BUSY = 1 << 1,
    KEYBOARD_RESET = 0xfe,
    RESET_CONTROL = 0xcf9,
    RESET_HARD = 6,
    PATIENCE = 100000,            /* reads of a port; each leaves the guest, and takes a microsecond at least */
};

/* Time for a reset to take place. */
static void wait(void)
{
    for (unsigned i = 0; i < PATIENCE; i++)
        port_in8(KEYBOARD_COMMAND);
}

static void keyboard_reset(void)
{
    if (port_in8(KEYBOARD_COMMAND) == 0xff)
        return;
    for (unsigned i = 0; i < PATIENCE && port_in8(KEYBOARD_COMMAND) & KEYBOARD_BUSY; i++)
        continue;
    port_out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    wait();
}

_Noreturn static void stop(const char *words)
{
    bare_say(words);
    console_flush();
    for (;;)
        __asm__ volatile("cli\n hlt");
}

static void reset(void)
{
    acpi_reset();
    keyboard_reset();
    port_out8(RESET_CONTROL, RESET_HARD);
    wait();
}

/* A hypervisor ends the guest on a reset, too. */
void power_off(void)
{
    console_flush();
    acpi_power_off();
    wait();
    reset();
    stop("nothing here switches the power off (ACPI), nor resets (ACPI, keyboard controller, port 0xcf9): halted");
}

void power_reset(void)
{
    console_flush();
    reset();
    stop("nothing here resets the machine (ACPI, keyboard controller, port 0xcf9): halted");
}
