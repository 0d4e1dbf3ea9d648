/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that the processor causes become faults; the handler leaves for the guard instead of returning. */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>
#include "guard.h"
#include "qnx.h"
#include "text.h"

/* Only 8.0 documents a stack for handlers; without one, an overflow of the ordinary stack is fatal. */
#if _NTO_VERSION >= 800
#define HANDLER_FLAGS (SA_SIGINFO | SA_ONSTACK)
enum { OWN_STACK = true, HANDLER_STACK = 64 << 10 };

static void give_stack(void)
{
    static char memory[HANDLER_STACK];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};

    sigaltstack(&stack, NULL);
}
#else
#define HANDLER_FLAGS SA_SIGINFO
enum { OWN_STACK = false };

static void give_stack(void)
{
}
#endif

static const char *describe(int signal)
{
    switch (signal) {
    case SIGILL: return "undefined instruction";
    case SIGTRAP: return "trap";
    case SIGBUS: return "bus error";
    case SIGFPE: return "arithmetic";
    default: return "segmentation fault";
    }
}

static void handle(int signal, siginfo_t *information, void *unused)
{
    static const char unguarded[] = "probe: fault outside of a command\r\n";
    struct fault_context *guard = fault_current();
    sigset_t blocked;

    (void)unused;
    if (!guard) {
        console_write(unguarded, sizeof unguarded - 1);
        _exit(1);
    }
    guard->fault = (struct fault){
        .what = describe(signal),
        .pc = (uint64_t)(uintptr_t)information->si_fltip,
        .address = (uint64_t)(uintptr_t)information->si_addr,
        .syndrome = (uint64_t)information->si_fltno,
    };
    /* It stays blocked until its handler returns, which this one does not; blocked, the next one would be the end. */
    sigemptyset(&blocked);
    sigaddset(&blocked, signal);
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    fault_resume(guard);
}

void faults_start(void)
{
    static const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
    struct sigaction action = {.sa_flags = HANDLER_FLAGS};

    give_stack();
    action.sa_sigaction = handle;
    sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

bool fault_provoke(const char *kind, uint64_t address)
{
    if (!OWN_STACK && text_equal(kind, "stack"))
        return false;
#if defined(__aarch64__)
    if (!text_equal(kind, "undefined"))
        return fault_provoke_common(kind, address);
    __asm__ volatile(".inst 0");  /* udf #0, which older assemblers do not know by name */
#else
    if (text_equal(kind, "undefined"))
        __asm__ volatile("ud2");
    else if (text_equal(kind, "divide"))
        __asm__ volatile("xor %%edx, %%edx\n mov $1, %%eax\n div %%edx" ::: "eax", "edx", "cc");
    else
        return fault_provoke_common(kind, address);
#endif
    return true;
}
