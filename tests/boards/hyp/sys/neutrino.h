/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations of ours for what the host's client calls of the kernel (C Library Reference). */
#ifndef NEUTRINO_H
#define NEUTRINO_H
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct _pulse {
    signed char code;
};

#define _NTO_TIMEOUT_RECEIVE 8
#define SIGEV_UNBLOCK_INIT(event) ((void)(event))

int ChannelCreate(unsigned flags);
int TimerTimeout(clockid_t clock, int states, const struct sigevent *event, const uint64_t *time, uint64_t *left);
int MsgReceivePulse(int channel, void *pulse, size_t bytes, void *about);
#endif
