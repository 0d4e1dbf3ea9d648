/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a batch that are about places in which nothing is: memory where a region was, or behind one, and slots
 * of the PCI bus. */
#include "mmio.h"
#include "platform.h"
#include "shmem.h"
#include "steps.h"
#include "text.h"

enum { SLOTS = 32, FUNCTIONS = 8 };          /* of a PCI bus, and of a slot */
enum { LAST_WORD = SHMEM_PAGE - 8, PLACE_PAGES = 32 }; /* places for regions are multiples of so many pages */

#define ONES UINT64_MAX
#define OWN 0x0b5e000000000000u              /* with a tag: what a guest writes where no region is */

/* Stores FIELD[2], of FIELD[1] bytes, to the register FIELD[0] of the configuration space of each empty slot of bus 0.
 * Sees how many slots are empty; nothing where an operating system is between the probe and the bus. */
void step_vacant(const struct step *step)
{
    unsigned offset = (unsigned)step->field[0], width = (unsigned)step->field[1], empty = 0;

    if (!text_equal(platform_facts()->platform, "bare") || !in_configuration(step->field[0], step->field[1]))
        return;
    for (uint8_t slot = 0; slot < SLOTS; slot++) {
        struct pci_function place = {.device = slot};

        if (pci_config_read(&place, 0, 2) != UINT16_MAX)
            continue;
        empty++;
        for (place.function = 0; place.function < FUNCTIONS; place.function++)
            pci_config_write(&place, offset, width, (uint32_t)step->field[2]);
    }
    see(empty);
}

/* Whether a region that is open reaches into the place where this one was. */
static bool is_taken(const struct region *left)
{
    for (uint64_t handle = 0; handle < HANDLES_MAX; handle++) {
        const struct region *region = region_of(handle);

        if (region && region->physical < left->physical + SHMEM_PAGE + left->length &&
            left->physical < region->physical + SHMEM_PAGE + region->length)
            return true;
    }
    return false;
}

/* The region that is, or was, open as handle FIELD[0]; NULL when there never was one. */
static struct region *region_known(const struct step *step)
{
    struct region *region = region_numbered(step->field[0]);

    return region && region->length ? region : NULL;
}

/* Whether the region has been left and nothing else is in its place. */
static bool is_free(const struct region *region)
{
    return !region->attached && !is_taken(region);
}

/* Whether a guest may see the word where no region is: it has nothing, nothing but ones, or what it wrote itself. */
static bool is_private(uint64_t word, uint64_t own)
{
    return word == 0 || word == ONES || word == own;
}

/*
 * At how many edges, where a region was that has been left, a word is seen that is not this guest's, whose tag is
 * FIELD[1]; 0 where another region is open by now. Leaves a word of its own at the first and the last edge: nobody else
 * may ever see that, wherever the memory is from.
 */
void step_left(const struct step *step)
{
    struct region *region = region_known(step);
    uint64_t own = OWN | step->field[1], foreign = 0;

    if (!region)
        return;
    if (is_free(region)) {
        region->data = memory_map(region->physical + SHMEM_PAGE, region->length, MEMORY_NORMAL);
        if (!region->data)
            return;
        for (uint64_t number = 0; number < edges(region); number++)
            foreign += !is_private(*edge(region, number), own);
        *edge(region, 0) = *edge(region, edges(region) - 1) = own;
        memory_unmap((void *)region->data, region->length, MEMORY_NORMAL);
    }
    see(foreign);
}

/*
 * Stores FIELD[3] in FIELD[2] bytes at FIELD[1] of the control page of a region that has been left, and reads the page:
 * 0 when it reads ones there, or another region is open in this place by now; 1 otherwise.
 */
void step_stale(const struct step *step)
{
    const struct region *region = region_known(step);
    unsigned width = (unsigned)step->field[2];
    volatile uint8_t *control;
    uint64_t read, ones = width < 8 ? (1ull << 8 * width) - 1 : ONES;

    if (!region || step->field[1] + width > SHMEM_PAGE)
        return;
    if (!is_free(region)) {
        see(0);
        return;
    }
    control = memory_map(region->physical, SHMEM_PAGE, MEMORY_DEVICE);
    if (!control)
        return;
    mmio_write(control + step->field[1], width, step->field[3]);
    read = mmio_read(control + step->field[1], width);
    memory_unmap((void *)control, SHMEM_PAGE, MEMORY_DEVICE);
    see(read != ones);
}

/*
 * A word behind a region, in the last of the pages that its place has at least; that is this guest's alone, whose tag is
 * FIELD[1]. 1 when it is another's, else 0; then it has the tag.
 */
void step_beyond(const struct step *step)
{
    const struct region *region = region_of(step->field[0]);
    uint64_t own = OWN | step->field[1], word, last;
    volatile uint8_t *page;

    if (!region)
        return;
    last = (SHMEM_PAGE + region->length) / SHMEM_PAGE / PLACE_PAGES * PLACE_PAGES + PLACE_PAGES - 1;
    page = memory_map(region->physical + last * SHMEM_PAGE, SHMEM_PAGE, MEMORY_NORMAL);
    if (!page)
        return;
    word = mmio_read(page + LAST_WORD, 8);
    mmio_write(page + LAST_WORD, 8, own);
    memory_unmap((void *)page, SHMEM_PAGE, MEMORY_NORMAL);
    see(!is_private(word, own));
}
