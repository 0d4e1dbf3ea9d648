/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

/* QEMU has put what the test wants here. */
static volatile struct {
    uint64_t tree;                /* where the device tree is to be; 0: nowhere */
    uint64_t x0, entry;
    uint64_t foundation;          /* not 0: the devices are where the Foundation Model has them */
} *const wanted = (void *)0x4f000000;

/* Where QEMU puts the device tree for an ELF file. */
static volatile uint8_t *const given = (void *)0x40000000;

enum { ENTRIES = 512, TABLE = 3, PAGE = 0x7ff, BLOCK = 0x7fd };

uint64_t stage2[ENTRIES] __attribute__((aligned(4096)));
uint64_t told_in_x0;
static uint64_t first_gib[ENTRIES] __attribute__((aligned(4096)));
static uint64_t serial[ENTRIES] __attribute__((aligned(4096)));
static uint64_t controller[ENTRIES] __attribute__((aligned(4096)));

static void place_tree(void)
{
    uint32_t size = (uint32_t)given[4] << 24 | given[5] << 16 | given[6] << 8 | given[7];

    if (wanted->tree == (uint64_t)given)
        return;
    for (uint32_t i = 0; wanted->tree && i < size; i++)
        ((volatile uint8_t *)wanted->tree)[i] = given[i];
    for (unsigned i = 0; i < 4; i++)
        given[i] = 0;
}

static void map(uint64_t *table, uint64_t guest, uint64_t machine, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += 4096)
        table[(guest + at) >> 12 & (ENTRIES - 1)] = (machine + at) | PAGE;
}

uint64_t prepare(void)
{
    place_tree();
    for (uint64_t i = 0; i < ENTRIES; i++)
        stage2[i] = i << 30 | BLOCK;
    if (wanted->foundation) {
        stage2[0] = (uint64_t)first_gib | TABLE;
        first_gib[0x1c000000 >> 21] = (uint64_t)serial | TABLE;
        first_gib[0x2f000000 >> 21] = (uint64_t)controller | TABLE;
        map(serial, 0x1c090000, 0x09000000, 0x1000);
        map(controller, 0x2f000000, 0x08000000, 0x10000);
        map(controller, 0x2f100000, 0x080a0000, 0x20000);
    }
    told_in_x0 = wanted->x0;
    return wanted->entry;
}
