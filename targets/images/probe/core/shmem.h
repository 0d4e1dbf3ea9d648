/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices and attached regions. Registers: QNX Hypervisor User's Guide, "Virtual registers (guest_shm.h)"; the offsets
 * follow from the natural layout of the published structures.
 */
#ifndef SHMEM_H
#define SHMEM_H

#include <stdbool.h>
#include <stdint.h>
#include "command.h"
#include "platform.h"

#define SHMEM_SIGNATURE 0x4d534732474d5651u

enum {
    SHMEM_VENDOR_ID = 0x1c05,
    SHMEM_DEVICE_ID = 0x0001,
    SHMEM_PAGE = 4096,
    SHMEM_NAME_SIZE = 32,
    SHMEM_CLIENTS = 16,

    FACTORY_SIGNATURE = 0x00,
    FACTORY_SHMEM = 0x08,
    FACTORY_VECTOR = 0x10,
    FACTORY_STATUS = 0x14,
    FACTORY_SIZE = 0x18,
    FACTORY_NAME = 0x1c,
    FACTORY_FIND = 0x3c,
    FACTORY_FLAGS = 0x40,

    CONTROL_STATUS = 0x0,
    CONTROL_INDEX = 0x4,
    CONTROL_NOTIFY = 0x8,
    CONTROL_DETACH = 0xc,

    STATUS_PENDING = 0xffff,
    STATUS_MEMBERS_SHIFT = 16,

    DEVICES_MAX = 32,
    HANDLES_MAX = 32,
    PAGES_MAX = 1 << 20,          /* a region of 4 GiB: more is taken for a misread register */
};

struct device {
    bool pci;
    struct pci_function function; /* if pci */
    struct interrupt interrupt;   /* its line, 0 if unknown */
    uint64_t physical;            /* of the factory page */
    uint64_t covers;              /* bytes from there on, by the table that lists the device; 0: none does */
    volatile uint8_t *factory;

    /* Written by the interrupt handler. */
    bool listening;
    bool counting;                /* the handler leaves the status registers alone */
    bool holding;                 /* and the line masked, until a step has it opened again */
    volatile uint64_t taken;      /* interrupts */
    volatile uint64_t owned;      /* those that a signal or a change of members explains */
    volatile uint64_t faults;     /* those whose handler could not read a status register */
    uint64_t waited;              /* how many of TAKEN a wait has reported already */
};

struct region {
    volatile bool attached;
    struct device *device;
    uint64_t physical;            /* of the control page */
    uint64_t length;              /* of the data, in bytes */
    volatile uint8_t *control;
    volatile uint8_t *data;
    enum memory_kind kind;        /* of the data */

    /* Written by the interrupt handler. */
    volatile uint32_t members;    /* as last read */
    volatile uint32_t pending;    /* gathered since the last wait */
    volatile uint64_t changes;    /* of the member set */
    volatile uint64_t signals[SHMEM_CLIENTS]; /* by sender */
    volatile uint64_t to_echo;    /* so many interrupts more are answered with a signal to their senders */
    volatile uint64_t echoed;
    bool keeps_times;             /* of the interrupts that it answers */
};

/* What the registers held right after a request. */
struct outcome {
    uint32_t status, size, vector;
    uint64_t shmem;
};

/* The device counts its interrupts from now on, those of this kind; false when the guest cannot receive them. */
bool device_listen(struct device *device, const struct interrupt *interrupt);

/* No interrupts for this device any more. */
void device_ignore(struct device *device);

/* A device by its number; NULL when there is none, or its factory page has no address. */
struct device *device_number(unsigned number);

/* Byte by byte: device memory faults on unaligned stores, and a hypervisor may not decode wide ones. */
void name_write(struct device *device, const char *name, unsigned length);

/* The argument as a name, in place; its length, or -1 (and the call has failed). */
int name_argument(struct call *call, unsigned word);
struct outcome outcome_read(struct device *device);

/* How many devices there are; looks for them on the first call, and again when AGAIN is set. */
unsigned devices_find(bool again);

/* The device that commands mean; NULL (and the call has failed) when there is none. */
struct device *device_selected(struct call *call);

/* The region that commands mean; NULL (and the call has failed) when none is attached. */
struct region *region_selected(struct call *call);

/* The regions that the device has opened, one after the other; NULL when there is none after BEFORE (first: NULL). */
struct region *region_next(const struct device *device, struct region *before);
unsigned region_handle(const struct region *region);

/* The place in the table with this number, with a region in it or not; NULL behind its end. */
struct region *region_numbered(uint64_t handle);

/*
 * Maps the region that OUTCOME announces, and reads its status before an interrupt handler can. NULL, or the reason why
 * that cannot be.
 */
const char *region_open(struct device *device, const struct outcome *outcome, struct region *region, uint32_t *status);
void region_close(struct region *region);

/* The region a physical page is the control page of, or NULL. */
const struct region *region_of_control_page(uint64_t physical);

#endif
