/* SPDX-License-Identifier: Apache-2.0 */
#include "statistics.h"
#include "command.h"

enum { TOLD_MAX = 2000 };

uint64_t statistics_samples[SAMPLES_MAX];

static size_t kept;

static void sift_down(uint64_t *heap, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child] < heap[child + 1])
            child++;
        if (heap[root] >= heap[child])
            return;
        uint64_t swap = heap[root];

        heap[root] = heap[child];
        heap[child] = swap;
    }
}

static void sort(uint64_t *sample, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sift_down(sample, root, count);
    for (size_t end = count; end-- > 1;) {
        uint64_t largest = sample[0];

        sample[0] = sample[end];
        sample[end] = largest;
        sift_down(sample, 0, end);
    }
}

/* The smallest sample that PER_MILLE of a thousand do not exceed. */
static uint64_t percentile(const uint64_t *sorted, size_t count, unsigned per_mille)
{
    return sorted[(count * per_mille + 999) / 1000 - 1];
}

void statistics_keep(size_t count)
{
    kept = count;
}

void statistics_note(size_t index, uint64_t value)
{
    if (index >= SAMPLES_MAX)
        return;
    statistics_samples[index] = value;
    statistics_keep(index + 1);
}

void statistics_describe(struct json *json, size_t first, size_t stride, size_t count)
{
    static uint64_t sorted[SAMPLES_MAX];
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sorted[i] = statistics_samples[first + i * stride];
        sum += sorted[i];
    }
    sort(sorted, count);
    json_number(json, "count", count);
    json_number(json, "min_ns", sorted[0]);
    json_number(json, "median_ns", sorted[count / 2]);
    json_number(json, "p90_ns", percentile(sorted, count, 900));
    json_number(json, "p99_ns", percentile(sorted, count, 990));
    json_number(json, "p999_ns", percentile(sorted, count, 999));
    json_number(json, "max_ns", sorted[count - 1]);
    json_number(json, "mean_ns", sum / count);
}

void statistics_describe_half(struct json *json, const char *name, size_t first, size_t count)
{
    json_object(json, name);
    statistics_describe(json, first, 2, count);
    json_object_end(json);
}

static void run_samples(struct call *call)
{
    uint64_t first;

    if (!call_number(call, 1, kept, &first))
        return;
    json_number(&call->json, "count", kept);
    json_array(&call->json, "samples");
    for (uint64_t i = first; i < kept && i < first + TOLD_MAX; i++)
        json_number(&call->json, NULL, statistics_samples[i]);
    json_array_end(&call->json);
}

const struct command statistics_commands[] = {
    {"samples", "FIRST", 1, 1, run_samples},
    {0},
};
