/* SPDX-License-Identifier: Apache-2.0 */
/* The times of single measurements: kept in their order, so that the client can have all of them, and described. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stddef.h>
#include <stdint.h>
#include "json.h"

enum { SAMPLES_MAX = 16384 };

/* Where a command that measures leaves its times, in nanoseconds. */
extern uint64_t statistics_samples[SAMPLES_MAX];

/* The first COUNT of them are those of the last measurement: what "samples" tells. */
void statistics_keep(size_t count);

/* Keeps this one as number INDEX and last of the last measurement, if there is room: for what an interrupt handler sees. */
void statistics_note(size_t index, uint64_t value);

/* Describes COUNT of the kept samples, every STRIDE-th from FIRST on; there is at least one. */
void statistics_describe(struct json *json, size_t first, size_t stride, size_t count);

/* The same as an object of that NAME, of samples that are pairs: COUNT of their FIRST (0) or second (1) members. */
void statistics_describe_half(struct json *json, const char *name, size_t first, size_t count);

#endif
