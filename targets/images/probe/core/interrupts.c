/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts as a driver handles them: the handler reads the status of every region of its device, and takes the
 * interrupt for its own when there is a pending bit or the set of members is another one.
 */
#include "mmio.h"
#include "rounds.h"
#include "shmem.h"
#include "statistics.h"
#include "text.h"

enum { MILLISECOND = 1000000, WAIT_MAX = 600000 };

struct handling {
    struct region *region;
    bool ours;
};

static void take_signals(struct region *region, uint32_t pending)
{
    region->pending |= pending;
    for (unsigned sender = 0; sender < SHMEM_CLIENTS; sender++)
        region->signals[sender] += pending >> sender & 1;
    if (!pending || !region->to_echo)
        return;
    region->to_echo--;
    if (region->keeps_times)
        statistics_note(region->echoed, clock_now_ns());
    region->echoed++;
    mmio_write(region->control + CONTROL_NOTIFY, 4, pending);
}

static void handle_region(void *argument)
{
    struct handling *handling = argument;
    struct region *region = handling->region;
    uint32_t status = (uint32_t)mmio_read(region->control + CONTROL_STATUS, 4);
    uint32_t pending = status & STATUS_PENDING, members = status >> STATUS_MEMBERS_SHIFT;

    handling->ours |= pending || members != region->members;
    region->changes += members != region->members;
    region->members = members;
    take_signals(region, pending);
}

static bool handle(void *context)
{
    struct device *device = context;
    struct handling handling = {NULL, false};
    struct fault fault;

    while (!device->counting && (handling.region = region_next(device, handling.region)))
        if (!fault_guard(handle_region, &handling, &fault))
            device->faults++;
    device->owned += handling.ours;
    device->taken++;
    return !device->holding;
}

bool device_listen(struct device *device, const struct interrupt *interrupt)
{
    return interrupt_open(interrupt, handle, device);
}

void device_ignore(struct device *device)
{
    if (device->listening)
        interrupt_close(device);
    device->listening = false;
}

/* The words HOW [LINE] as an interrupt of the device. */
static bool source(struct call *call, struct device *device, struct interrupt *interrupt)
{
    const char *how = call->words > 2 ? call->word[2] : "pin";
    uint64_t line;

    *interrupt = device->interrupt;
    if (text_equal(how, "pin"))
        return true;
    if (text_equal(how, "message")) {
        *interrupt = (struct interrupt){.message = true, .function = &device->function};
        return device->pci;
    }
    if (text_equal(how, "vector")) {
        interrupt->line = (unsigned)mmio_read(device->factory + FACTORY_VECTOR, 4);
        return true;
    }
    if (!number_parse(how, &line) || line > UINT32_MAX)
        return false;
    interrupt->line = (unsigned)line;
    if (call->words > 3)
        interrupt->edge = text_equal(call->word[3], "edge");
    return true;
}

static void listen(struct call *call, struct device *device)
{
    struct interrupt interrupt;

    if (!source(call, device, &interrupt)) {
        call_fail(call, FAIL_USAGE, "irq on [pin|message|vector|LINE [edge|level]]", call->word[2]);
        return;
    }
    if (!interrupt.message && interrupt.line == 0) {
        call_fail(call, FAIL_STATE, "0 is no line, and nothing tells the device's; irq on LINE names one", NULL);
        return;
    }
    device_ignore(device);
    device->counting = device->holding = false;
    device->taken = device->owned = device->faults = device->waited = 0;
    device->listening = device_listen(device, &interrupt);
    if (!device->listening) {
        call_fail(call, FAIL_STATE, "this guest cannot receive that interrupt", NULL);
        return;
    }
    json_bool(&call->json, "message", interrupt.message);
    json_number(&call->json, "line", interrupt.line == LINE_OF_DRIVER ? 0 : interrupt.line);
    json_bool(&call->json, "edge", interrupt.edge);
}

static void describe_region(struct json *json, struct region *region)
{
    unsigned last = SHMEM_CLIENTS;

    while (last > 0 && region->signals[last - 1] == 0)
        last--;
    json_object(json, NULL);
    json_number(json, "handle", region_handle(region));
    json_hex(json, "members", region->members);
    json_number(json, "changes", region->changes);
    json_number(json, "echoed", region->echoed);
    json_array(json, "signals");
    for (unsigned sender = 0; sender < last; sender++)
        json_number(json, NULL, region->signals[sender]);
    json_array_end(json);
    json_object_end(json);
}

static void count(struct call *call, struct device *device)
{
    uint64_t owned, taken;

    /* Of one moment: an interrupt may come between two looks. */
    do {
        owned = device->owned;
        taken = device->taken;
    } while (owned != device->owned);
    json_number(&call->json, "taken", taken);
    json_number(&call->json, "owned", owned);
    json_number(&call->json, "disowned", taken - owned);
    json_number(&call->json, "faults", device->faults);
    json_array(&call->json, "regions");
    for (struct region *region = NULL; (region = region_next(device, region));)
        describe_region(&call->json, region);
    json_array_end(&call->json);
}

/* TIMEOUT_MS [COUNT]: wait for COUNT interrupts that no earlier wait has reported. */
static void wait(struct call *call, struct device *device)
{
    uint64_t milliseconds, wanted = 1, end, taken;

    if (call->words < 3) {
        call_fail(call, FAIL_USAGE, "irq wait TIMEOUT_MS [COUNT]", NULL);
        return;
    }
    if (!call_timed(call) || !call_number(call, 2, WAIT_MAX, &milliseconds) ||
        (call->words > 3 && !call_number(call, 3, UINT32_MAX, &wanted)))
        return;
    end = clock_now_ns() + milliseconds * MILLISECOND;
    while ((taken = device->taken) - device->waited < wanted && clock_now_ns() < end)
        interrupt_wait(&device->taken, taken, end);
    json_number(&call->json, "interrupts", taken - device->waited);
    json_bool(&call->json, "timed_out", taken - device->waited < wanted);
    device->waited = taken;
    json_array(&call->json, "pending");
    for (struct region *region = NULL; (region = region_next(device, region));) {
        json_object(&call->json, NULL);
        json_number(&call->json, "handle", region_handle(region));
        json_hex(&call->json, "senders", __atomic_exchange_n(&region->pending, 0, __ATOMIC_RELAXED));
        json_hex(&call->json, "members", region->members);
        json_object_end(&call->json);
    }
    json_array_end(&call->json);
}

static void serve(struct call *call)
{
    struct region *region = region_selected(call);
    uint64_t number;

    if (!region)
        return;
    if (call->words < 3) {
        call_fail(call, FAIL_USAGE, "irq serve COUNT [times]", NULL);
        return;
    }
    if (!call_number(call, 2, UINT64_MAX, &number))
        return;
    region->echoed = 0;
    region->keeps_times = times_wanted(call, 3);
    region->to_echo = number;
    json_number(&call->json, "count", number);
}

static void run_irq(struct call *call)
{
    struct device *device = device_selected(call);

    if (!device)
        return;
    if (text_equal(call->word[1], "on"))
        listen(call, device);
    else if (text_equal(call->word[1], "off"))
        device_ignore(device);
    else if (!device->listening)
        call_fail(call, FAIL_STATE, "interrupts are off", call->word[1]);
    else if (text_equal(call->word[1], "wait"))
        wait(call, device);
    else if (text_equal(call->word[1], "count"))
        count(call, device);
    else if (text_equal(call->word[1], "serve"))
        serve(call);
    else
        call_fail(call, FAIL_USAGE, "irq on, off, wait, count or serve", call->word[1]);
}

static void run_notify(struct call *call)
{
    struct region *region = region_selected(call);
    uint64_t mask;

    if (!region || !call_number(call, 1, UINT32_MAX, &mask))
        return;
    mmio_write(region->control + CONTROL_NOTIFY, 4, mask);
    json_hex(&call->json, "mask", mask);
}

const struct command interrupt_commands[] = {
    {"irq", "on [pin|message|vector|LINE [edge|level]] | off | wait TIMEOUT_MS [COUNT] | count | serve COUNT [times]", 1, 3,
     run_irq},
    {"notify", "MASK", 1, 1, run_notify},
    {0},
};
