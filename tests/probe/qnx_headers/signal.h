/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNAL_H
#define SIGNAL_H
#include "hiding.h"
#include <sys/types.h>

enum { SIGILL = 4, SIGTRAP, SIGFPE = 8, SIGBUS = 10, SIGSEGV };
enum { SIG_UNBLOCK = 1 };
#define SA_SIGINFO 2

typedef struct { long bits[2]; } sigset_t;

union sigval {
    int sival_int;
    void *sival_ptr;
};

struct sigevent {
    int sigev_notify;
    union sigval sigev_value;
};

typedef struct {
    int si_signo, si_code;
    void *si_addr;
#if defined(SHOWS_QNX)
    int si_fltno;
    void *si_fltip;
#endif
} siginfo_t;

struct sigaction {
    void (*sa_sigaction)(int signal, siginfo_t *information, void *context);
    int sa_flags;
    sigset_t sa_mask;
};

int sigaction(int signal, const struct sigaction *action, struct sigaction *before);
int sigaddset(sigset_t *set, int signal);
int sigemptyset(sigset_t *set);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before);

/* A stack of its own for handlers has no page before 8.0. */
#if IS_8
#define SA_ONSTACK 0x10
typedef struct {
    void *ss_sp;
    size_t ss_size;
    int ss_flags;
} stack_t;
int sigaltstack(const stack_t *stack, stack_t *before);
#endif

#if defined(SHOWS_QNX)
#define SIGEV_PULSE_PRIO_INHERIT (-1)
#define SIGEV_PULSE_INIT(event, connection, priority, code, value) \
    ((event)->sigev_notify = (connection) + (priority) + (code), (event)->sigev_value.sival_int = (value))
#define SIGEV_UNBLOCK_INIT(event) ((event)->sigev_notify = 0)
#endif
#endif
