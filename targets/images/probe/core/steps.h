/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a batch: what each letter does, and where it puts what it has seen. */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>
#include <stdint.h>

enum { FIELDS_MAX = 6, VALUES_MAX = 8192 };

/* Values that stand for something that is no value. */
#define NOTHING UINT64_MAX                   /* there is no such device or region, or a request opened none */
#define FAULTED (UINT64_MAX - 1)             /* the processor refused the access */

/* The words at both ends of the pages of a region, as a step marks them: a tag, a seed, and which word it is. */
#define MARK 0x5eed000000000000u
#define MARK_MASK 0xffff000000000000u

struct device;
struct region;

struct step {
    uint64_t field[FIELDS_MAX];
    unsigned fields;
    char *name;                              /* the last field, where the step has a name */
};

struct kind {
    char letter;
    bool named;                              /* the last field is a name; its length becomes the field after the others */
    unsigned fields, values;
    void (*run)(const struct step *step);
};

/* What the steps of a batch have seen. */
struct seen {
    uint64_t value[VALUES_MAX];
    unsigned count;
    bool impatient;                          /* an interrupt is missing: the others are not waited for */
};

extern struct seen seen;

/* One more value; the caller knows that there is room. */
void see(uint64_t value);

/* The device FIELD[0]; NULL when there is none. */
struct device *step_device(const struct step *step);

/* Whether one access to a configuration space can have these bytes. */
bool in_configuration(uint64_t offset, uint64_t width);

/* The open region of that handle, or NULL. */
struct region *region_of(uint64_t handle);

/* One word at the beginning and one at the end of each page of a region, and how many these are. */
volatile uint64_t *edge(const struct region *region, uint64_t number);
uint64_t edges(const struct region *region);

/* The steps about places in which nothing is: memory without a region, and slots without a function. */
void step_vacant(const struct step *step);
void step_left(const struct step *step);
void step_stale(const struct step *step);
void step_beyond(const struct step *step);

/* The steps about interrupts. */
void step_listen(const struct step *step);
void step_pin(const struct step *step);
void step_wait(const struct step *step);
void step_interrupts(const struct step *step);

/* NULL when no step has this letter. */
const struct kind *kind_of(char letter);

#endif
