/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIME_H
#define TIME_H
typedef int clockid_t;
typedef long time_t;
enum { CLOCK_REALTIME, CLOCK_MONOTONIC = 2 };

struct timespec {
    time_t tv_sec;
    long tv_nsec;
};

int clock_gettime(clockid_t clock, struct timespec *time);
#endif
