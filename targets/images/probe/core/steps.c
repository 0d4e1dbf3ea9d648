/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of a batch do to a device and to the regions that are open. */
#include "crc32.h"
#include "mmio.h"
#include "shmem.h"
#include "steps.h"

enum { MILLISECOND = 1000000, PATIENCE_MS = 20000 };
enum { PAGE_FACTORY, PAGE_CONTROL, PAGE_DATA };
enum { CONFIG_SIZE = 256 };

#define SHMEM_OLD 0x100u                     /* shmem reads what it last had to, and no open region is there */

enum { MARK_SEED_BITS = 24, MARK_SEED_SHIFT = 24, WORD = 8 };

struct seen seen;

/* What the register shmem of each device has read last after a success. */
static uint64_t last_shmem[DEVICES_MAX];

void see(uint64_t value)
{
    seen.value[seen.count++] = value;
}

struct device *step_device(const struct step *step)
{
    return device_number((unsigned)step->field[0]);
}

struct region *region_of(uint64_t handle)
{
    struct region *region = region_numbered(handle);

    return region && region->attached ? region : NULL;
}

/* Which open region the shmem register announces: addresses are the hypervisor's own choice. */
static uint64_t shmem_meaning(unsigned number, uint64_t shmem)
{
    const struct region *region = region_of_control_page(shmem);

    if (shmem == 0)
        return 0;
    if (region)
        return 1 + region_handle(region);
    return shmem == last_shmem[number] ? SHMEM_OLD : shmem;
}

static void see_outcome(unsigned number, const struct outcome *outcome)
{
    see(outcome->status);
    see(shmem_meaning(number, outcome->shmem));
    see(outcome->size);
    see(outcome->vector);
}

/* What the registers of device FIELD[0] say after a request; a region that is new is opened as handle FIELD[1]. */
static void see_answer(const struct step *step, struct device *device)
{
    struct region *region = region_numbered(step->field[1]);
    struct outcome outcome = outcome_read(device);
    bool opens = outcome.status == 0 && !region_of_control_page(outcome.shmem) && region && !region->attached;
    uint32_t status = 0;

    if (outcome.status == 0)
        last_shmem[step->field[0]] = outcome.shmem;
    if (opens)
        opens = !region_open(device, &outcome, region, &status);
    see_outcome((unsigned)step->field[0], &outcome);
    if (!opens)
        return;
    see(mmio_read(region->control + CONTROL_INDEX, 4));
    see(status);
}

/* The request that a store makes. No interrupt comes before its region is known. */
static void see_request(const struct step *step, struct device *device, uint64_t offset, unsigned width, uint64_t value)
{
    interrupts_mask();
    mmio_write(device->factory + offset, width, value);
    see_answer(step, device);
    interrupts_unmask();
}

static void step_request(const struct step *step)
{
    struct device *device = step_device(step);

    if (!device)
        return;
    if (step->name)
        name_write(device, step->name, (unsigned)step->field[3]);
    see_request(step, device, FACTORY_SIZE, 4, step->field[2]);
}

/* One store of eight bytes, FIELD[3], at FIELD[2]: over a part of the name and the size or find beside it. */
static void step_wide(const struct step *step)
{
    struct device *device = step_device(step);

    if (!device || step->field[2] > SHMEM_PAGE - WORD)
        return;
    see_request(step, device, step->field[2], WORD, step->field[3]);
}

static void step_find(const struct step *step)
{
    struct device *device = step_device(step);

    if (!device)
        return;
    see_request(step, device, FACTORY_FIND, 4, step->field[2]);
}

static void step_name(const struct step *step)
{
    struct device *device = step_device(step);

    if (!device)
        return;
    name_write(device, step->name, (unsigned)step->field[1]);
    see(0);
}

static void step_factory(const struct step *step)
{
    struct device *device = step_device(step);
    struct outcome outcome;

    if (!device)
        return;
    see(mmio_read(device->factory + FACTORY_SIGNATURE, 8));
    outcome = outcome_read(device);
    see_outcome((unsigned)step->field[0], &outcome);
    for (unsigned at = 0; at < SHMEM_NAME_SIZE; at += 8) {
        uint64_t low = mmio_read(device->factory + FACTORY_NAME + at, 4);

        see(low | mmio_read(device->factory + FACTORY_NAME + at + 4, 4) << 32);
    }
    see(mmio_read(device->factory + FACTORY_FLAGS, 4));
}

/* Status and index. What an interrupt handler has taken from the status before is a part of it. */
static void step_control(const struct step *step)
{
    struct region *region = region_of(step->field[0]);
    uint32_t status;

    if (!region)
        return;
    interrupts_mask();
    status = (uint32_t)mmio_read(region->control + CONTROL_STATUS, 4);
    region->members = status >> STATUS_MEMBERS_SHIFT;
    interrupts_unmask();
    see(status | __atomic_exchange_n(&region->pending, 0, __ATOMIC_RELAXED));
    see(mmio_read(region->control + CONTROL_INDEX, 4));
}

static void step_notify(const struct step *step)
{
    struct region *region = region_of(step->field[0]);

    if (!region)
        return;
    mmio_write(region->control + CONTROL_NOTIFY, 4, step->field[1]);
    see(0);
}

/* Leaves by a store of FIELD[3] in FIELD[2] bytes at FIELD[1]. */
static void step_detach(const struct step *step)
{
    struct region *region = region_of(step->field[0]);

    if (!region)
        return;
    interrupts_mask();
    mmio_write(region->control + step->field[1], (unsigned)step->field[2], step->field[3]);
    region_close(region);
    interrupts_unmask();
    see(0);
}

/* The place FIELD[2] of FIELD[3] bytes in page FIELD[0] of the device or region FIELD[1]; NULL when there is none. */
static volatile uint8_t *place(const struct step *step)
{
    uint64_t end = step->field[2] + step->field[3];
    struct device *device = device_number((unsigned)step->field[1]);
    struct region *region = region_of(step->field[1]);

    if (step->field[0] == PAGE_FACTORY)
        return device && end <= SHMEM_PAGE ? device->factory + step->field[2] : NULL;
    if (!region)
        return NULL;
    if (step->field[0] == PAGE_CONTROL)
        return end <= SHMEM_PAGE ? region->control + step->field[2] : NULL;
    return end <= region->length ? region->data + step->field[2] : NULL;
}

static void step_load(const struct step *step)
{
    volatile uint8_t *at = place(step);

    if (at)
        see(mmio_read(at, (unsigned)step->field[3]));
}

static void step_store(const struct step *step)
{
    volatile uint8_t *at = place(step);

    if (!at)
        return;
    mmio_write(at, (unsigned)step->field[3], step->field[4]);
    see(0);
}

volatile uint64_t *edge(const struct region *region, uint64_t number)
{
    return (volatile uint64_t *)(region->data + number / 2 * SHMEM_PAGE + number % 2 * (SHMEM_PAGE - WORD));
}

uint64_t edges(const struct region *region)
{
    return 2 * (region->length / SHMEM_PAGE);
}

static void step_mark(const struct step *step)
{
    struct region *region = region_of(step->field[0]);
    uint64_t seed = step->field[1] & ((1u << MARK_SEED_BITS) - 1);

    if (!region)
        return;
    for (uint64_t number = 0; number < edges(region); number++)
        *edge(region, number) = MARK | seed << MARK_SEED_SHIFT | number;
    see(0);
}

static void step_edges(const struct step *step)
{
    struct region *region = region_of(step->field[0]);
    uint32_t crc = 0;

    if (!region)
        return;
    for (uint64_t number = 0; number < edges(region); number++) {
        uint64_t word = *edge(region, number);

        crc = crc32(crc, &word, WORD);
    }
    see(crc);
}

/*
 * Waits until all clients of the mask FIELD[3] are at meeting FIELD[2]: 0 when they are. Each has a word of its own, from
 * offset FIELD[1] of the region on: to add to one together, two machines need not be able to.
 */
static void step_meet(const struct step *step)
{
    struct region *region = region_of(step->field[0]);
    uint64_t end = clock_now_ns() + (uint64_t)PATIENCE_MS * MILLISECOND, index;
    volatile uint64_t *here;

    if (!region)
        return;
    here = (volatile uint64_t *)(region->data + step->field[1]);
    index = mmio_read(region->control + CONTROL_INDEX, 4) % SHMEM_CLIENTS;
    __atomic_store_n(here + index, step->field[2], __ATOMIC_RELEASE);
    for (unsigned client = 0; client < SHMEM_CLIENTS; client++)
        while (step->field[3] >> client & 1 && __atomic_load_n(here + client, __ATOMIC_ACQUIRE) < step->field[2])
            if (clock_now_ns() >= end) {
                see(1);
                return;
            }
    see(0);
}

bool in_configuration(uint64_t offset, uint64_t width)
{
    return (width == 1 || width == 2 || width == 4) && offset % width == 0 && offset < CONFIG_SIZE;
}

/* The PCI function of device FIELD[0]; NULL for one in memory, and for a place that its registers do not have. */
static const struct pci_function *function_of(const struct step *step)
{
    const struct device *device = step_device(step);
    bool fits = in_configuration(step->field[1], step->field[2]);

    return device && device->pci && fits ? &device->function : NULL;
}

/* FIELD[2] bytes at FIELD[1] of the configuration space of device FIELD[0]. */
static void step_config(const struct step *step)
{
    const struct pci_function *function = function_of(step);

    if (function)
        see(pci_config_read(function, (unsigned)step->field[1], (unsigned)step->field[2]));
}

/* Stores FIELD[3] there. */
static void step_configure(const struct step *step)
{
    const struct pci_function *function = function_of(step);

    if (!function)
        return;
    pci_config_write(function, (unsigned)step->field[1], (unsigned)step->field[2], (uint32_t)step->field[3]);
    see(0);
}

static const struct kind kinds[] = {
    {'a', true, 3, 6, step_request},         /* DEVICE HANDLE PAGES NAME */
    {'s', false, 3, 6, step_request},        /* DEVICE HANDLE PAGES: with the name that is there */
    {'v', false, 4, 6, step_wide},           /* DEVICE HANDLE OFFSET VALUE: by a store of eight bytes */
    {'q', false, 3, 6, step_find},           /* DEVICE HANDLE NUMBER */
    {'t', true, 1, 1, step_name},            /* DEVICE NAME */
    {'f', false, 1, 10, step_factory},       /* DEVICE */
    {'c', false, 1, 2, step_control},        /* HANDLE */
    {'n', false, 2, 1, step_notify},         /* HANDLE MASK */
    {'d', false, 4, 1, step_detach},         /* HANDLE OFFSET WIDTH VALUE */
    {'r', false, 4, 1, step_load},           /* PAGE NUMBER OFFSET WIDTH */
    {'w', false, 5, 1, step_store},          /* PAGE NUMBER OFFSET WIDTH VALUE */
    {'m', false, 2, 1, step_mark},           /* HANDLE SEED */
    {'e', false, 1, 1, step_edges},          /* HANDLE */
    {'l', false, 2, 1, step_left},           /* HANDLE TAG */
    {'y', false, 4, 1, step_stale},          /* HANDLE OFFSET WIDTH VALUE */
    {'x', false, 2, 1, step_beyond},         /* HANDLE TAG */
    {'g', false, 2, 1, step_listen},         /* DEVICE HOW */
    {'p', false, 2, 1, step_pin},            /* DEVICE ON */
    {'h', false, 3, 1, step_config},         /* DEVICE OFFSET WIDTH */
    {'k', false, 4, 1, step_configure},      /* DEVICE OFFSET WIDTH VALUE */
    {'o', false, 3, 1, step_vacant},         /* OFFSET WIDTH VALUE */
    {'z', false, 1, 1, step_wait},           /* MILLISECONDS */
    {'i', false, 4, 1, step_interrupts},     /* DEVICE LEAST MOST PATIENCE */
    {'b', false, 4, 1, step_meet},           /* HANDLE OFFSET NUMBER CLIENTS */
};

const struct kind *kind_of(char letter)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].letter == letter)
            return &kinds[i];
    return NULL;
}
