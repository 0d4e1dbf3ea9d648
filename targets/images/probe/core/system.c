/* SPDX-License-Identifier: Apache-2.0 */
/* The guest itself: what it is, how it ends, and how it breaks on purpose. */
#include "platform.h"
#include "probe.h"
#include "shmem.h"
#include "text.h"

static void run_identify(struct call *call)
{
    const struct platform_facts *facts = platform_facts();
    struct json *json = &call->json;

    json_string(json, "probe", PROBE_VERSION);
    json_number(json, "protocol", PROBE_PROTOCOL);
    json_string(json, "architecture", facts->architecture);
    json_string(json, "platform", facts->platform);
    json_string(json, "build", facts->build);
    json_hex(json, "boot", facts->boot);
    json_string(json, "console", facts->console);
    json_number(json, "clock_hz", clock_rate_hz());
    json_text_or_null(json, "clock", facts->clock);
    json_text_or_null(json, "loader", facts->loader);
    json_array(json, "ram");
    for (size_t i = 0; i < facts->ram_ranges; i++) {
        json_object(json, NULL);
        json_hex(json, "address", facts->ram[i].base);
        json_number(json, "size", facts->ram[i].size);
        json_object_end(json);
    }
    json_array_end(json);
    json_number(json, "devices", devices_find(false));
}

static void run_clock(struct call *call)
{
    if (call_timed(call))
        json_number(&call->json, "ns", clock_now_ns());
}

static void run_poweroff(struct call *call)
{
    call->after = power_off;
}

static void run_reboot(struct call *call)
{
    call->after = power_reset;
}

static void run_crash(struct call *call)
{
    uint64_t address = 0;

    if (call->words > 2 && !call_number(call, 2, UINT64_MAX, &address))
        return;
    if (!fault_provoke(call->word[1], address))
        call_fail(call, FAIL_USAGE, "this platform has no such fault", call->word[1]);
    else
        call_fail(call, FAIL_STATE, "the access did not fault", call->word[1]);
}

const struct command system_commands[] = {
    {"identify", "", 0, 0, run_identify},
    {"clock", "", 0, 0, run_clock},
    {"poweroff", "", 0, 0, run_poweroff},
    {"reboot", "", 0, 0, run_reboot},
    {"crash", "read|write|jump|undefined|stack|hang [ADDRESS]", 1, 2, run_crash},
    {0},
};
