/* SPDX-License-Identifier: Apache-2.0 */
/* Regions inside of one process, with the behaviour that public sources tell of the host's interface. */
#include <errno.h>
#include <hyp_shm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/neutrino.h>
#include <sys/types.h>

enum { REGIONS = 8, CLIENTS = 16, PULSES = 256, PAGE = 4096, SHIFT = 16, STATUS_BITS = 0xffff };

struct region {
    char name[257];
    unsigned pages, members;
    unsigned char *data;
    struct hyp_shm *clients[CLIENTS];
};

struct hyp_shm {
    struct region *region;
    unsigned index, pending;
    int code;
};

static struct region regions[REGIONS];
static int waiting[PULSES];
static unsigned first, last;

static void send_pulse(struct hyp_shm *client)
{
    waiting[last++ % PULSES] = client->code;
}

static void tell_others(struct hyp_shm *client)
{
    unsigned index;
    for (index = 0; index < CLIENTS; index++)
        if (client->region->clients[index] && index != client->index)
            send_pulse(client->region->clients[index]);
}

struct hyp_shm *hyp_shm_create(unsigned flags)
{
    return flags ? NULL : calloc(1, sizeof(struct hyp_shm));
}

static struct region *region_of(const char *name, unsigned pages)
{
    unsigned number;
    struct region *unused = NULL;
    for (number = 0; number < REGIONS; number++) {
        if (regions[number].data && strcmp(regions[number].name, name) == 0)
            return &regions[number];
        if (!regions[number].data && !unused)
            unused = &regions[number];
    }
    if (unused && pages) {
        strcpy(unused->name, name);
        unused->pages = pages;
        unused->data = calloc(pages, PAGE);
    }
    return unused && pages ? unused : NULL;
}

int hyp_shm_attach(struct hyp_shm *shm, const char *name, unsigned pages, int channel, int priority, int code,
                   void *value)
{
    struct region *region = region_of(name, pages);
    unsigned index = 0;
    (void)channel, (void)priority, (void)value;
    if (!region)
        return EINVAL;
    while (index < CLIENTS && region->clients[index])
        index++;
    if (index == CLIENTS)
        return EMFILE;
    shm->region = region;
    shm->index = index;
    shm->code = code;
    region->clients[index] = shm;
    region->members |= 1u << index;
    tell_others(shm);
    return 0;
}

int hyp_shm_attach_ext(struct hyp_shm *shm, const char *name, unsigned pages, int channel, int priority, int code,
                       void *value, mode_t mode, gid_t group)
{
    return mode == 0666 && group == (gid_t)-1 ? hyp_shm_attach(shm, name, pages, channel, priority, code, value)
                                              : EINVAL;
}

void *hyp_shm_data(struct hyp_shm *shm)
{
    return shm->region->data;
}

unsigned hyp_shm_size(struct hyp_shm *shm)
{
    return shm->region->pages;
}

unsigned hyp_shm_idx(struct hyp_shm *shm)
{
    return shm->index;
}

unsigned hyp_shm_status(struct hyp_shm *shm)
{
    unsigned pending = shm->pending;
    shm->pending = 0;
    return shm->region->members << SHIFT | pending;
}

int hyp_shm_poke(struct hyp_shm *shm, unsigned clients)
{
    unsigned index;
    for (index = 0; index < CLIENTS; index++) {
        struct hyp_shm *other = shm->region->clients[index];
        if (other && clients >> index & 1 && !(other->pending >> shm->index & 1)) {
            other->pending |= 1u << shm->index;
            send_pulse(other);
        }
    }
    return 0;
}

int hyp_shm_detach(struct hyp_shm *shm)
{
    struct region *region = shm->region;
    region->clients[shm->index] = NULL;
    region->members &= ~(1u << shm->index);
    tell_others(shm);
    if (!region->members) {
        free(region->data);
        memset(region, 0, sizeof *region);
    }
    return 0;
}

int ChannelCreate(unsigned flags)
{
    return flags ? -1 : 1;
}

int TimerTimeout(clockid_t clock, int states, const struct sigevent *event, const uint64_t *time, uint64_t *left)
{
    (void)event, (void)left;
    return clock == CLOCK_MONOTONIC && states == _NTO_TIMEOUT_RECEIVE && time ? 0 : -1;
}

int MsgReceivePulse(int channel, void *pulse, size_t bytes, void *about)
{
    (void)bytes, (void)about;
    if (channel != 1 || first == last) {
        errno = ETIMEDOUT;
        return -1;
    }
    ((struct _pulse *)pulse)->code = (signed char)waiting[first++ % PULSES];
    return 0;
}
