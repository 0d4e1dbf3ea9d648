/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmgr.h>
#include <time.h>
#include <unistd.h>
#include "qnx.h"

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#else
#define ARCHITECTURE "aarch64"
#endif

static struct platform_facts facts = {
    .architecture = ARCHITECTURE,
    .platform = "qnx",
    .console = "standard input and output",
    .build = PROBE_BUILD,         /* from the Makefile: hash of the sources and of what they are built for */
};

const struct platform_facts *platform_facts(void)
{
    return &facts;
}

/* There is no documented way to read the guest's device tree; the command `device` registers memory-mapped devices. */
size_t devices_listed(struct listed_device *list, size_t limit)
{
    (void)list, (void)limit;
    return 0;
}

void power_reset(void)
{
    sysmgr_reboot();
    perror("probe: the guest cannot be ended");
    _exit(EXIT_FAILURE);
}

/* A guest that reboots ends its qvm just as one that shuts down (User's Guide, "Shutting down guests"). */
void power_off(void)
{
    power_reset();
}

/* Differs between two starts of this program, with or without a clock that knows the date. */
static uint64_t boot_mark(void)
{
    struct timespec date = {0};

    clock_gettime(CLOCK_REALTIME, &date);
    return ClockCycles() ^ (uint64_t)date.tv_sec << 32 ^ (uint64_t)getpid();
}

int main(void)
{
    /* Interrupts and some functions of the PCI library need it (InterruptAttach*(), PCI Server User's Guide). */
    if (ThreadCtl(_NTO_TCTL_IO, NULL) == -1)
        perror("probe: no I/O privileges");
    facts.boot = boot_mark();
    ram_find(&facts);
    faults_start();
    if (!events_start() || !console_start()) {
        perror("probe: cannot start");
        return EXIT_FAILURE;
    }
    probe_main();
    console_stop();
    return EXIT_SUCCESS;
}
