/* SPDX-License-Identifier: Apache-2.0 */
/* The part of fault-protected calls that is the same on every platform (fault_guard() itself is in platform.h). */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include "platform.h"

struct fault_context {
    uint64_t kept[16];            /* first: the assembler part knows nothing else */
    struct fault fault;
};

/* The innermost guard; NULL when nothing guards the code that has faulted. */
struct fault_context *fault_current(void);

/* The platform's handler of faults fills the context's fault, and goes on here with the context as the argument. */
_Noreturn void fault_resume(struct fault_context *context);

/* The part of fault_provoke() that is the same everywhere: hang, stack, read, write, jump. */
bool fault_provoke_common(const char *kind, uint64_t address);

#endif
