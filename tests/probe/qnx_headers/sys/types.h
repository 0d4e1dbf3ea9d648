/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYS_TYPES_H
#define SYS_TYPES_H
#include "../hiding.h"
#include <stddef.h>
#include <stdint.h>
typedef int pid_t, gid_t;
typedef unsigned mode_t;
typedef long ssize_t;
#if defined(_FILE_OFFSET_BITS) && _FILE_OFFSET_BITS == 64
typedef int64_t off_t;
#else
typedef int32_t off_t;
#endif
#if defined(SHOWS_64)
typedef int64_t off64_t;
#endif
#if defined(SHOWS_QNX)
typedef unsigned uint_t;
typedef int int_t;
#endif
#endif
