/* SPDX-License-Identifier: Apache-2.0 */
#include "platform.h"
#include "kernel.h"
#include "linux.h"
#include "text.h"

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#else
#define ARCHITECTURE "aarch64"
#endif

enum {
    CLOCK_MONOTONIC = 1, NANOSECONDS = 1000000000,
    REBOOT_MAGIC_1 = (int)0xfee1dead, REBOOT_MAGIC_2 = 672274793, REBOOT_OFF = 0x4321fedc, REBOOT_AGAIN = 0x01234567,
    PROGRAM_NOTE = 4, NOTE_BUILD_ID = 3, BUILD_ID_LIMIT = 20, BOOT_DIGITS = 16,
};

/* Of this program, placed by the linker (ELF-64). */
extern const struct {
    uint8_t identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, programs, sections;
    uint32_t flags;
    uint16_t size, program_size, program_count;
} __ehdr_start __attribute__((visibility("hidden")));

struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

struct note {
    uint32_t owner_size, size, type;
    char owner[4];
    uint8_t content[];
};

static struct platform_facts facts = {.architecture = ARCHITECTURE, .platform = "linux", .console = "terminal"};

const struct platform_facts *platform_facts(void)
{
    return &facts;
}

uint64_t clock_rate_hz(void)
{
    return NANOSECONDS;
}

uint64_t clock_now_ns(void)
{
    struct time now = {0};

    KERNEL(CALL_CLOCK_GETTIME, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.seconds * NANOSECONDS + (uint64_t)now.nanoseconds;
}

_Noreturn static void reboot(long how)
{
    KERNEL(CALL_SYNC, 0);
    KERNEL(CALL_REBOOT, REBOOT_MAGIC_1, REBOOT_MAGIC_2, how, NULL);
    leave(1);
}

void power_off(void)
{
    reboot(REBOOT_OFF);
}

void power_reset(void)
{
    reboot(REBOOT_AGAIN);
}

static const char *build_id(void)
{
    static char digits[2 * BUILD_ID_LIMIT + 1];
    const char *base = (const char *)&__ehdr_start;
    const struct program_header *program = (const void *)(base + __ehdr_start.programs);

    for (unsigned i = 0; i < __ehdr_start.program_count; i++) {
        const struct note *note = (const void *)(base + program[i].offset);

        if (program[i].type != PROGRAM_NOTE || note->type != NOTE_BUILD_ID || note->size > BUILD_ID_LIMIT)
            continue;
        for (unsigned j = 0; j < note->size; j++)
            hex_write(digits + 2 * j, note->content[j], 2);
    }
    return digits;
}

/* The kernel's identifier of this boot: a UUID, whose first digits are enough. */
static uint64_t boot_mark(void)
{
    char text[64];
    uint64_t mark = 0;
    unsigned digits = 0;

    file_read("/proc/sys/kernel/random/boot_id", text, sizeof text);
    for (const char *at = text; *at && digits < BOOT_DIGITS; at++) {
        if (hex_digit(*at) >= 0) {
            mark = mark << 4 | (uint64_t)hex_digit(*at);
            digits++;
        }
    }
    return mark;
}

/* Lines "FIRST-LAST : System RAM", addresses in hexadecimal; what is inside of RAM is indented. */
static void take_ram(void)
{
    static const char ram[] = ": System RAM\n";
    static char text[16 << 10];
    const char *at = text;

    file_read("/proc/iomem", text, sizeof text);
    while (*at && facts.ram_ranges < PLATFORM_RAM_RANGES) {
        const char *line = at;
        uint64_t first, last;

        while (*at && *at++ != '\n')
            ;
        if (*line == ' ')
            continue;
        first = take_hex(&line);
        last = take_hex(&line);
        /* Addresses are zero for a program that may not know them. */
        if (last && (size_t)(at - line) == sizeof ram - 1 && memcmp(line, ram, sizeof ram - 1) == 0)
            facts.ram[facts.ram_ranges++] = (struct memory_range){first, last - first + 1};
    }
}

/* Devices that the kernel has found in a device tree; numbers are big-endian (Devicetree Specification, chapter 2). */
#define DEVICES "/sys/bus/platform/devices/"

struct listing {
    struct listed_device *list;
    size_t count, limit;
};

static void take_listed(const char *name, void *context)
{
    struct listing *listing = context;
    char path[PATH_SIZE], text[64];
    uint64_t address = 0;

    path_join(path, DEVICES, name, "/of_node/compatible");
    file_read(path, text, sizeof text);
    if (!text_equal(text, "qvm,guest_shm") || listing->count == listing->limit)
        return;
    path_join(path, DEVICES, name, "/of_node/reg");
    if (file_read(path, text, sizeof text) < sizeof address)
        return;
    for (unsigned i = 0; i < sizeof address; i++)
        address = address << 8 | (unsigned char)text[i];
    /* The interrupt belongs to a driver in the kernel; a program cannot have it. */
    listing->list[listing->count++] = (struct listed_device){.address = address};
}

size_t devices_listed(struct listed_device *list, size_t limit)
{
    struct listing listing = {.list = list, .limit = limit};

    folder_each(DEVICES, take_listed, &listing);
    return listing.count;
}

_Noreturn void program_start(const long *stack);

/* On the stack: the number of arguments, then the arguments, the program's name first. */
void program_start(const long *stack)
{
    const char *const *arguments = (const char *const *)(stack + 1);
    long count = *stack;

    faults_start();
    if (count > 1)
        leave(transfer_run(arguments + 1, (unsigned)(count - 1)));
    facts.build = build_id();
    facts.boot = boot_mark();
    take_ram();
    leave(relay_run());
}
