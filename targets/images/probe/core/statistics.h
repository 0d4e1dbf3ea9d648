/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stddef.h>
#include <stdint.h>
#include "json.h"

/* Sorts SAMPLE (nanoseconds) and writes count, min, median, p99, max and mean. COUNT is at least 1. */
void statistics_describe(struct json *json, uint64_t *sample, size_t count);

#endif
