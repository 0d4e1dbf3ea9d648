/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine's ACPI tables tell (Advanced Configuration and Power Interface Specification 6.4, chapter 5). */
#include "acpi.h"
#include "machine.h"
#include "mmio.h"
#include "ports.h"
#include "text.h"

enum {
    POINTER_AREA = 0xe0000,
    POINTER_AREA_SIZE = 0x20000,
    POINTER_STEP = 16,
    POINTER_SIZE = 20,
    POINTER_REVISION = 15,
    POINTER_ROOT = 16,
    POINTER_WIDE_ROOT = 24,

    HEADER_SIZE = 36,
    HEADER_LENGTH = 4,
    TABLE_MAX = 1 << 20,

    FADT_DEFINITIONS = 40,
    FADT_CONTROL_A = 64,
    FADT_CONTROL_B = 68,
    FADT_TIMER = 76,
    FADT_FLAGS = 112,
    FADT_RESET = 116,
    FADT_RESET_VALUE = 128,
    FADT_SLEEP_CONTROL = 244,
    FADT_SIZE_WITH_RESET = 129,
    FADT_SIZE_WITH_SLEEP = 256,
    FADT_TIMER_WIDE = 1 << 8,
    FADT_CAN_RESET = 1 << 10,
    FADT_REDUCED = 1 << 20,

    PLACE_IO = 1,
    PLACE_ADDRESS = 4,

    MADT_ENTRIES = 44,
    MADT_IO_APIC = 1,
    MADT_IO_APIC_ADDRESS = 4,

    CODE_PACKAGE = 0x12,
    CODE_BYTE = 0x0a,
    CODE_ONE = 0x01,

    SLEEP_ENABLE = 1 << 13,
    SLEEP_TYPE_SHIFT = 10,
    REDUCED_SLEEP_ENABLE = 1 << 5,
    REDUCED_SLEEP_TYPE_SHIFT = 2,
};

static const uint8_t *root;
static bool root_wide;

/* Tables are made of bytes: nothing in them is aligned. */
static uint64_t number(const uint8_t *at, unsigned width)
{
    uint64_t value = 0;

    while (width--)
        value = value << 8 | at[width];
    return value;
}

static bool sums_to_zero(const uint8_t *at, uint64_t length)
{
    uint8_t sum = 0;

    while (length--)
        sum = (uint8_t)(sum + *at++);
    return sum == 0;
}

static bool has_name(const uint8_t *at, const char *name, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        if (at[i] != (uint8_t)name[i])
            return false;
    return true;
}

static uint64_t length_of(const uint8_t *table)
{
    return number(table + HEADER_LENGTH, 4);
}

/* A whole table, or NULL: nothing readable, or its checksum is wrong. */
static const uint8_t *table_at(uint64_t address)
{
    const uint8_t *table = address ? memory_map(address, HEADER_SIZE, MEMORY_KEEP) : NULL;
    uint64_t length = table ? length_of(table) : 0;

    if (length < HEADER_SIZE || length > TABLE_MAX || !memory_map(address, length, MEMORY_KEEP))
        return NULL;
    return sums_to_zero(table, length) ? table : NULL;
}

static bool is_pointer(const uint8_t *at)
{
    return has_name(at, "RSD PTR ", 8) && sums_to_zero(at, POINTER_SIZE);
}

static void take_root(const uint8_t *pointer)
{
    root_wide = pointer[POINTER_REVISION] >= 2 && number(pointer + POINTER_WIDE_ROOT, 8);
    root = table_at(root_wide ? number(pointer + POINTER_WIDE_ROOT, 8) : number(pointer + POINTER_ROOT, 4));
}

void acpi_start(uint64_t told)
{
    const uint8_t *pointer = told ? memory_map(told, HEADER_SIZE, MEMORY_KEEP) : NULL;
    const uint8_t *area = memory_map(POINTER_AREA, POINTER_AREA_SIZE, MEMORY_KEEP);

    if (pointer && is_pointer(pointer))
        take_root(pointer);
    for (unsigned at = 0; !root && area && at < POINTER_AREA_SIZE; at += POINTER_STEP)
        if (is_pointer(area + at))
            take_root(area + at);
}

/* The table of that name number INDEX, or NULL. */
static const uint8_t *table_find(const char *name, unsigned index)
{
    unsigned width = root_wide ? 8 : 4;

    for (uint64_t at = HEADER_SIZE; root && at + width <= length_of(root); at += width) {
        const uint8_t *table = table_at(number(root + at, width));

        if (table && has_name(table, name, 4) && index-- == 0)
            return table;
    }
    return NULL;
}

static const uint8_t *fadt(void)
{
    const uint8_t *table = table_find("FACP", 0);

    return table && length_of(table) >= FADT_FLAGS + 4 ? table : NULL;
}

static bool has_flag(const uint8_t *table, uint32_t flag)
{
    return number(table + FADT_FLAGS, 4) & flag;
}

struct acpi_timer acpi_timer(void)
{
    const uint8_t *table = fadt();

    if (!table || has_flag(table, FADT_REDUCED))
        return (struct acpi_timer){0};
    return (struct acpi_timer){
        .port = (uint16_t)number(table + FADT_TIMER, 4),
        .mask = has_flag(table, FADT_TIMER_WIDE) ? 0xffffffff : 0xffffff,
    };
}

uint64_t acpi_io_apic(void)
{
    const uint8_t *table = table_find("APIC", 0);
    uint64_t end = table ? length_of(table) : 0;

    for (uint64_t at = MADT_ENTRIES; at + 2 <= end && table[at + 1] >= 2; at += table[at + 1])
        if (table[at] == MADT_IO_APIC && at + MADT_IO_APIC_ADDRESS + 4 <= end)
            return number(table + at + MADT_IO_APIC_ADDRESS, 4);
    return 0;
}

/* A number in a definition block; AT comes to stand behind it. */
static unsigned code_number(const uint8_t **at)
{
    unsigned first = *(*at)++;

    return first == CODE_BYTE ? *(*at)++ : first == CODE_ONE;
}

/* The two sleep types of the package \_S5 in a definition block. */
static bool sleep_types_in(const uint8_t *table, unsigned types[2])
{
    const uint8_t *end = table ? table + length_of(table) : NULL;

    for (const uint8_t *at = table ? table + HEADER_SIZE : NULL; at && at + 12 <= end; at++) {
        if (!has_name(at, "_S5_", 4) || at[4] != CODE_PACKAGE)
            continue;
        /* The package's length takes up to four bytes, then comes the number of its elements. */
        at += 5 + 1 + (at[5] >> 6) + 1;
        if (at + 4 > end)
            return false;
        types[0] = code_number(&at);
        types[1] = code_number(&at);
        return true;
    }
    return false;
}

static bool sleep_types(const uint8_t *table, unsigned types[2])
{
    const uint8_t *secondary;

    if (sleep_types_in(table_at(number(table + FADT_DEFINITIONS, 4)), types))
        return true;
    for (unsigned i = 0; (secondary = table_find("SSDT", i)); i++)
        if (sleep_types_in(secondary, types))
            return true;
    return false;
}

/* Writes a byte to a register that a table describes. */
static void place_write(const uint8_t *place, uint8_t value)
{
    uint64_t address = number(place + PLACE_ADDRESS, 8);
    void *memory;

    if (place[0] == PLACE_IO)
        port_out8((uint16_t)address, value);
    else if (place[0] == 0 && (memory = memory_map(address, 1, MEMORY_DEVICE)))
        mmio_write(memory, 1, value);
}

void acpi_power_off(void)
{
    const uint8_t *table = fadt();
    unsigned types[2];

    if (!table || !sleep_types(table, types))
        return;
    if (has_flag(table, FADT_REDUCED)) {
        if (length_of(table) >= FADT_SIZE_WITH_SLEEP)
            place_write(table + FADT_SLEEP_CONTROL,
                        (uint8_t)(types[0] << REDUCED_SLEEP_TYPE_SHIFT | REDUCED_SLEEP_ENABLE));
        return;
    }
    if (number(table + FADT_CONTROL_A, 4))
        port_out16((uint16_t)number(table + FADT_CONTROL_A, 4),
                   (uint16_t)(types[0] << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
    if (number(table + FADT_CONTROL_B, 4))
        port_out16((uint16_t)number(table + FADT_CONTROL_B, 4),
                   (uint16_t)(types[1] << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
}

void acpi_reset(void)
{
    const uint8_t *table = fadt();

    if (table && length_of(table) >= FADT_SIZE_WITH_RESET && has_flag(table, FADT_CAN_RESET))
        place_write(table + FADT_RESET, table[FADT_RESET_VALUE]);
}
