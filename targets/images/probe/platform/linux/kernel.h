/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own interface, as far as the probe uses it (kernel source, include/uapi; the numbers are per
 * architecture). No C library takes part: the program needs 20 calls, and building a library costs more than they do.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum {
    CALL_READ = 0, CALL_WRITE = 1, CALL_CLOSE = 3, CALL_MMAP = 9, CALL_MUNMAP = 11, CALL_RT_SIGACTION = 13,
    CALL_IOCTL = 16, CALL_PREAD = 17, CALL_PWRITE = 18, CALL_MADVISE = 28, CALL_SOCKET = 41, CALL_CONNECT = 42, CALL_SHUTDOWN = 48,
    CALL_BIND = 49, CALL_LISTEN = 50, CALL_CLONE = 56, CALL_SETSID = 112, CALL_SIGALTSTACK = 131, CALL_SYNC = 162,
    CALL_REBOOT = 169, CALL_GETDENTS = 217, CALL_CLOCK_GETTIME = 228, CALL_EXIT_GROUP = 231, CALL_OPENAT = 257,
    CALL_PPOLL = 271, CALL_ACCEPT = 288, CALL_DUP3 = 292, CALL_PIPE = 293,
};
#elif defined(__aarch64__)
enum {
    CALL_DUP3 = 24, CALL_IOCTL = 29, CALL_OPENAT = 56, CALL_CLOSE = 57, CALL_PIPE = 59, CALL_GETDENTS = 61,
    CALL_READ = 63, CALL_WRITE = 64, CALL_PREAD = 67, CALL_PWRITE = 68, CALL_PPOLL = 73, CALL_SYNC = 81,
    CALL_EXIT_GROUP = 94, CALL_CLOCK_GETTIME = 113, CALL_SIGALTSTACK = 132, CALL_RT_SIGACTION = 134, CALL_REBOOT = 142,
    CALL_SETSID = 157, CALL_SOCKET = 198, CALL_BIND = 200, CALL_LISTEN = 201, CALL_CONNECT = 203, CALL_SHUTDOWN = 210,
    CALL_MUNMAP = 215, CALL_CLONE = 220, CALL_MMAP = 222, CALL_MADVISE = 233, CALL_ACCEPT = 242,
};
#else
#error "no numbers of system calls for this architecture"
#endif

enum {
    FILE_READ = 0, FILE_WRITE = 1, FILE_READ_WRITE = 2, FILE_SYNC = 04010000, FILE_CLOSE_ON_EXEC = 02000000,
    AT_CURRENT_FOLDER = -100,

    ERROR_INTERRUPTED = -4,

    POLL_IN = 1, POLL_ENDED = 0x38, /* error, hang-up, closed */

    MAP_READ_WRITE = 3, MAP_SHARED_PAGES = 1, MAP_PRIVATE_PAGES = 2, MAP_NO_FILE = 0x20,
};

struct poll_entry {
    int fd;
    int16_t wanted, found;
};

struct time {
    int64_t seconds, nanoseconds;
};

/* Negative: the error number. */
long kernel(long number, long a, long b, long c, long d, long e, long f);

#define KERNEL(number, ...) KERNEL_ARGUMENTS(number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define KERNEL_ARGUMENTS(number, a, b, c, d, e, f, ...) \
    kernel(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline bool kernel_failed(long result)
{
    return result < 0 && result >= -4095;
}

_Noreturn void leave(int status);

/* Files. */
int file_open(const char *path, int flags);
void file_close(int fd);
bool file_write_text(const char *path, const char *text);
size_t file_read(const char *path, char *content, size_t size);      /* 0: not there, or empty; ends in '\0' */
bool write_all(int fd, const char *data, size_t length);

/* Calls EACH(NAME, CONTEXT) for every entry of a folder but . and .., in no order. */
void folder_each(const char *path, void (*each)(const char *name, void *context), void *context);

/* A path put together in a buffer of this size; too long a part is cut off. */
enum { PATH_SIZE = 160 };

void path_join(char *path, const char *folder, const char *name, const char *rest);

#endif
