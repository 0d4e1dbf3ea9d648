/* SPDX-License-Identifier: Apache-2.0 */
#include "statistics.h"

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

void statistics_describe(struct json *json, uint64_t *sample, size_t count)
{
    uint64_t sum = 0;

    sort(sample, count);
    for (size_t i = 0; i < count; i++)
        sum += sample[i];
    json_number(json, "count", count);
    json_number(json, "min_ns", sample[0]);
    json_number(json, "median_ns", sample[count / 2]);
    json_number(json, "p99_ns", sample[(count * 99 + 99) / 100 - 1]);
    json_number(json, "max_ns", sample[count - 1]);
    json_number(json, "mean_ns", sum / count);
}
