/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a batch that are about interrupts. */
#include "mmio.h"
#include "shmem.h"
#include "steps.h"

enum { MILLISECOND = 1000000, WAIT_MAX_MS = 5000 };
enum { LATE_MAX = 2 }; /* interrupts on their way: one at the device, one at the controller */
enum { PCI_COMMAND = 4, PCI_COMMAND_NO_PIN = 0x400 };
enum { LISTEN_OFF, LISTEN_PIN, LISTEN_MESSAGE, COUNT_MESSAGES, HOLD_PIN };

/* What the steps of all batches know of the interrupts of a device. */
static struct {
    uint64_t counted;                        /* those that a step has counted */
    uint64_t late;                           /* so many that were due before may come yet, if they have not merged */
    bool message;
} known[DEVICES_MAX];

/* The interrupts of device FIELD[0] come as FIELD[1] says; what its regions had to tell until now is taken. */
void step_listen(const struct step *step)
{
    struct device *device = step_device(step);
    struct interrupt interrupt;
    bool listened;

    if (!device)
        return;
    listened = device->listening;
    interrupt = device->interrupt;
    if (step->field[1] == LISTEN_MESSAGE || step->field[1] == COUNT_MESSAGES)
        interrupt = (struct interrupt){.message = true, .function = &device->function};
    device_ignore(device);
    device->holding = step->field[1] == HOLD_PIN;
    device->counting = device->holding || step->field[1] == COUNT_MESSAGES;
    device->taken = device->owned = device->faults = device->waited = known[step->field[0]].counted = 0;
    known[step->field[0]].message = interrupt.message;
    /* A controller may have kept one from before, though no message while none could be sent. */
    known[step->field[0]].late = listened || !interrupt.message;
    if (step->field[1] != LISTEN_OFF)
        device->listening = device_listen(device, &interrupt);
    for (struct region *region = NULL; (region = region_next(device, region));) {
        uint32_t status;

        interrupts_mask();
        status = (uint32_t)mmio_read(region->control + CONTROL_STATUS, 4);
        region->members = status >> STATUS_MEMBERS_SHIFT;
        __atomic_fetch_or(&region->pending, status & STATUS_PENDING, __ATOMIC_RELAXED);
        interrupts_unmask();
    }
    see(device->listening);
}

/* FIELD[1] is 1 to switch the interrupt pin of PCI device FIELD[0] on, 0 to switch it off. */
void step_pin(const struct step *step)
{
    struct device *device = step_device(step);
    uint32_t command;

    if (!device || !device->pci)
        return;
    command = pci_config_read(&device->function, PCI_COMMAND, 2) & ~(uint32_t)PCI_COMMAND_NO_PIN;
    pci_config_write(&device->function, PCI_COMMAND, 2, command | (step->field[1] ? 0 : PCI_COMMAND_NO_PIN));
    see(0);
}

/* Lets FIELD[0] milliseconds pass, five seconds at most. */
void step_wait(const struct step *step)
{
    static const volatile uint64_t nothing;
    uint64_t now = clock_now_ns(), end;

    end = now + (step->field[0] < WAIT_MAX_MS ? step->field[0] : WAIT_MAX_MS) * MILLISECOND;
    for (; now < end; now = clock_now_ns())
        interrupt_wait(&nothing, 0, end);
    see(0);
}

/*
 * Waits until COUNTER is LEAST more than SINCE, at most until END; by how much it is. It is read once a round: an
 * interrupt that comes between two reads would be waited for in vain.
 */
static uint64_t counted_since(const volatile uint64_t *counter, uint64_t since, uint64_t least, uint64_t end)
{
    uint64_t taken;

    while ((taken = *counter) - since < least && !seen.impatient) {
        interrupt_wait(counter, taken, end);
        seen.impatient = clock_now_ns() >= end;
    }
    return taken - since;
}

/* Opens the line of a device whose handler has left it masked: 0 when FIELD[1] interrupts come until END. */
static void interrupts_again(const struct step *step, struct device *device, uint64_t end)
{
    uint64_t before = device->taken, count;

    interrupt_again(device);
    count = counted_since(&device->taken, before, step->field[1], end);
    see(count < step->field[1] ? 1 + count : 0);
}

/*
 * Interrupts since the last such step: 0 when at least FIELD[1] have come, and at most one for each of FIELD[2] changes
 * since then; else how many there are, from 1. Those of several changes may be one. On a line, which others may share,
 * only those count that the device can have meant. What is missing is waited for, FIELD[3] milliseconds in one batch.
 */
void step_interrupts(const struct step *step)
{
    struct device *device = step_device(step);
    uint64_t end = clock_now_ns() + step->field[3] * MILLISECOND, count, most;
    volatile uint64_t *counter;

    if (!device || !device->listening)
        return;
    if (device->holding) {
        interrupts_again(step, device, end);
        return;
    }
    counter = known[step->field[0]].message ? &device->taken : &device->owned;
    count = counted_since(counter, known[step->field[0]].counted, step->field[1], end);
    known[step->field[0]].counted += count;
    most = step->field[2] + known[step->field[0]].late;
    see(count < step->field[1] || count > most ? 1 + count : 0);
    known[step->field[0]].late = count > most ? 0 : most - count < LATE_MAX ? most - count : LATE_MAX;
}
