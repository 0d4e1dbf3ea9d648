/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that the processor causes become faults; the handler leaves for the guard instead of returning. */
#include "guard.h"
#include "kernel.h"
#include "linux.h"
#include "platform.h"
#include "text.h"

enum {
    SIGNAL_ILLEGAL = 4, SIGNAL_BUS = 7, SIGNAL_ARITHMETIC = 8, SIGNAL_PIPE = 13, SIGNAL_SEGMENT = 11,
    ACTION_WITH_INFORMATION = 4, ACTION_RESTORER = 0x04000000, ACTION_ON_STACK = 0x08000000, ACTION_NO_MASK = 0x40000000,
    SIGNAL_SET_BYTES = 8, IGNORE = 1, SIGNAL_STACK = 64 << 10,
};

struct action {
    void *handler;
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

struct signal_information {
    int32_t signal, error, code, padding;
    uint64_t address;
};

struct signal_stack {
    void *base;
    int32_t flags;
    uint64_t size;
};

void signal_return(void);

static char signal_stack[SIGNAL_STACK];

/* The registers in the context that the kernel hands to a handler (uapi asm/sigcontext.h, asm/ucontext.h). */
#if defined(__x86_64__)
#define UNDEFINED "ud2"
enum { CONTEXT_PC = 168, CONTEXT_ERROR = 192, CONTEXT_VECTOR = 200 };

static void registers(const char *context, struct fault *fault)
{
    fault->pc = *(const uint64_t *)(context + CONTEXT_PC);
    fault->syndrome = *(const uint64_t *)(context + CONTEXT_VECTOR) << 32 | *(const uint64_t *)(context + CONTEXT_ERROR);
}
#else
#define UNDEFINED "udf #0"
enum { CONTEXT_PC = 440, CONTEXT_RECORDS = 464, RECORD_SYNDROME = 0x45535201 };

static void registers(const char *context, struct fault *fault)
{
    const uint32_t *record = (const uint32_t *)(context + CONTEXT_RECORDS);

    fault->pc = *(const uint64_t *)(context + CONTEXT_PC);
    while (record[0] && record[0] != RECORD_SYNDROME)
        record += record[1] / sizeof *record;
    fault->syndrome = record[0] ? *(const uint64_t *)(record + 2) : 0;
}
#endif

static const char *describe(int signal)
{
    switch (signal) {
    case SIGNAL_ILLEGAL: return "undefined instruction";
    case SIGNAL_BUS: return "bus error";
    case SIGNAL_ARITHMETIC: return "arithmetic";
    default: return "segmentation fault";
    }
}

static void handle(int signal, const struct signal_information *information, const char *context)
{
    static const char unguarded[] = "probe: fault outside of a command\n";
    struct fault_context *guard = fault_current();

    if (!guard) {
        write_all(2, unguarded, sizeof unguarded - 1);
        leave(1);
    }
    guard->fault = (struct fault){.what = describe(signal), .address = information->address};
    registers(context, &guard->fault);
    fault_resume(guard);
}

void faults_start(void)
{
    static const int signals[] = {SIGNAL_ILLEGAL, SIGNAL_BUS, SIGNAL_ARITHMETIC, SIGNAL_SEGMENT};
    const struct signal_stack stack = {.base = signal_stack, .size = sizeof signal_stack};
    const struct action ignore = {.handler = (void *)IGNORE};
    const struct action action = {
        .handler = (void *)handle,
        .flags = ACTION_WITH_INFORMATION | ACTION_RESTORER | ACTION_ON_STACK | ACTION_NO_MASK,
        .restorer = signal_return,
    };

    KERNEL(CALL_SIGALTSTACK, &stack, NULL);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        KERNEL(CALL_RT_SIGACTION, signals[i], &action, NULL, SIGNAL_SET_BYTES);
    KERNEL(CALL_RT_SIGACTION, SIGNAL_PIPE, &ignore, NULL, SIGNAL_SET_BYTES);
}

bool fault_provoke(const char *kind, uint64_t address)
{
    if (!text_equal(kind, "undefined"))
        return fault_provoke_common(kind, address);
    __asm__ volatile(UNDEFINED);
    return true;
}
