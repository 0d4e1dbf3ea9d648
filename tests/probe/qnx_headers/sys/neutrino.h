/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYS_NEUTRINO_H
#define SYS_NEUTRINO_H
#include "../hiding.h"
#include <signal.h>
#include <stdint.h>

#if defined(SHOWS_QNX)
#define _NTO_VERSION HEADERS_RELEASE

struct _pulse {
    signed char code;
    union sigval value;
};
struct _msg_info;

enum { _PULSE_CODE_MINAVAIL = 0 };
enum { _NTO_CHF_PRIVATE = 0x200, _NTO_SIDE_CHANNEL = 0x40000000, _NTO_TIMEOUT_RECEIVE = 8, _NTO_TCTL_IO = 14 };

int ChannelCreate(unsigned flags);
int ConnectAttach(uint32_t node, pid_t process, int channel, unsigned index, int flags);
int MsgReceivePulse(int channel, void *pulse, size_t bytes, struct _msg_info *about);
int MsgSendPulse(int connection, int priority, int code, int value);
int ThreadCtl(int command, void *data);
int TimerTimeout(int clock, int states, const struct sigevent *event, const uint64_t *time, uint64_t *left);
uint64_t ClockCycles(void);

int InterruptAttachEvent(int line, const struct sigevent *event, unsigned flags);
int InterruptDetach(int attachment);
int InterruptUnmask(int line, int attachment);
#if IS_8
int InterruptAttachThread(int line, unsigned flags);
#else
enum { _NTO_INTR_FLAGS_TRK_MSK = 8 };
int InterruptAttach(int line, const struct sigevent *(*handler)(void *area, int attachment), const void *area, int size,
                    unsigned flags);
#endif
#endif
#endif
