/* SPDX-License-Identifier: Apache-2.0 */
#include "ivshmem.h"
#include "mmio.h"
#include "platform.h"
#include "rounds.h"
#include "shmem.h"
#include "statistics.h"
#include "text.h"

enum {
    IVSHMEM_VENDOR_ID = 0x1af4,
    IVSHMEM_DEVICE_ID = 0x1110,

    BAR_REGISTERS = 0,
    BAR_MESSAGES = 1,             /* there when the device has a doorbell */
    BAR_MEMORY = 2,

    REGISTER_POSITION = 0x8,
    REGISTER_DOORBELL = 0xc,
    DOORBELL_PEER_SHIFT = 16,

    FUNCTIONS_MAX = 4,
};

static struct doorbell {
    bool listening;
    struct pci_function function;
    volatile uint8_t *registers;

    /* Written by the interrupt handler. */
    volatile uint64_t taken;
    volatile uint64_t to_echo;    /* so many interrupts more are answered at PEER's doorbell */
    uint64_t peer, echoed;
    bool keeps_times;             /* of the interrupts that it answers */
} doorbell;

/* The first device with a doorbell, or without. */
static bool find(struct call *call, bool with_doorbell, struct pci_function *function)
{
    static struct pci_function found[FUNCTIONS_MAX];
    size_t count = pci_find(IVSHMEM_VENDOR_ID, IVSHMEM_DEVICE_ID, found, FUNCTIONS_MAX);

    for (size_t i = 0; i < count; i++) {
        if ((found[i].bar[BAR_MESSAGES].size != 0) == with_doorbell && found[i].bar[BAR_MEMORY].base) {
            *function = found[i];
            return true;
        }
    }
    call_fail(call, FAIL_STATE, "the guest has no such ivshmem device", NULL);
    return false;
}

bool ivshmem_memory(struct call *call, char **base, uint64_t *physical, uint64_t *length)
{
    static struct pci_function function;
    static char *mapped;

    if (!mapped) {
        if (!find(call, false, &function))
            return false;
        mapped = memory_map(function.bar[BAR_MEMORY].base, function.bar[BAR_MEMORY].size, MEMORY_NORMAL);
        if (!mapped) {
            call_fail(call, FAIL_LIMIT, "the guest has no page tables left to map the memory", NULL);
            return false;
        }
    }
    *base = mapped;
    *physical = function.bar[BAR_MEMORY].base;
    *length = function.bar[BAR_MEMORY].size;
    return true;
}

static uint32_t doorbell_of(uint64_t peer)
{
    return (uint32_t)peer << DOORBELL_PEER_SHIFT;
}

static bool handle(void *context)
{
    (void)context;
    doorbell.taken++;
    if (!doorbell.to_echo)
        return true;
    doorbell.to_echo--;
    if (doorbell.keeps_times)
        statistics_note(doorbell.echoed, clock_now_ns());
    doorbell.echoed++;
    mmio_write(doorbell.registers + REGISTER_DOORBELL, 4, doorbell_of(doorbell.peer));
    return true;
}

static bool listen(struct call *call)
{
    struct interrupt interrupt = {.message = true, .function = &doorbell.function};
    struct pci_bar *bar = &doorbell.function.bar[BAR_REGISTERS];

    if (doorbell.listening)
        return true;
    if (!find(call, true, &doorbell.function))
        return false;
    doorbell.registers = memory_map(bar->base, SHMEM_PAGE, MEMORY_DEVICE);
    doorbell.listening = doorbell.registers && interrupt_open(&interrupt, handle, &doorbell);
    if (!doorbell.listening)
        call_fail(call, FAIL_STATE, "this guest cannot receive that interrupt", NULL);
    return doorbell.listening;
}

static void run_doorbell(struct call *call)
{
    uint64_t rounds;

    if (!listen(call))
        return;
    if (text_equal(call->word[1], "on")) {
        json_number(&call->json, "position", mmio_read(doorbell.registers + REGISTER_POSITION, 4));
    } else if (text_equal(call->word[1], "count")) {
        json_number(&call->json, "taken", doorbell.taken);
    } else if (call->words < 4 || !rounds_wanted(call, 2, &doorbell.peer, &rounds)) {
        if (!call->failed)
            call_fail(call, FAIL_USAGE, "doorbell on, count, serve PEER ROUNDS [times] or ring PEER ROUNDS [times]", NULL);
    } else if (text_equal(call->word[1], "serve")) {
        doorbell.echoed = 0;
        doorbell.keeps_times = times_wanted(call, 4);
        doorbell.to_echo = rounds;
        json_number(&call->json, "count", rounds);
    } else if (text_equal(call->word[1], "ring")) {
        rounds_run(call, &(struct bell){.at = doorbell.registers + REGISTER_DOORBELL, .value = doorbell_of(doorbell.peer),
                                        .heard = &doorbell.taken, .taken = &doorbell.taken,
                                        .begins = times_wanted(call, 4)}, rounds);
    } else {
        call_fail(call, FAIL_USAGE, "doorbell on, count, serve PEER ROUNDS [times] or ring PEER ROUNDS [times]", NULL);
    }
}

const struct command ivshmem_commands[] = {
    {"doorbell", "on | count | serve PEER ROUNDS [times] | ring PEER ROUNDS [times]", 1, 4, run_doorbell},
    {0},
};
