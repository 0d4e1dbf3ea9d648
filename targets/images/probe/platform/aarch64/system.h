/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdint.h>

#define SYSTEM_READ(name)                                                                                             \
    ({                                                                                                                \
        uint64_t system_value;                                                                                        \
        __asm__ volatile("mrs %0, " #name : "=r"(system_value));                                                      \
        system_value;                                                                                                 \
    })

#define SYSTEM_WRITE(name, value) __asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")

#endif
