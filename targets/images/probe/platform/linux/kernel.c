/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"
#include "text.h"

long kernel(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#endif
}

void leave(int status)
{
    for (;;)
        KERNEL(CALL_EXIT_GROUP, status);
}

int file_open(const char *path, int flags)
{
    return (int)KERNEL(CALL_OPENAT, AT_CURRENT_FOLDER, path, flags | FILE_CLOSE_ON_EXEC);
}

void file_close(int fd)
{
    KERNEL(CALL_CLOSE, fd);
}

bool write_all(int fd, const char *data, size_t length)
{
    while (length) {
        long done = KERNEL(CALL_WRITE, fd, data, length);

        if (done == ERROR_INTERRUPTED)
            continue;
        if (done <= 0)
            return false;
        data += done;
        length -= (size_t)done;
    }
    return true;
}

bool file_write_text(const char *path, const char *text)
{
    int fd = file_open(path, FILE_WRITE);
    bool written = fd >= 0 && write_all(fd, text, text_length(text));

    if (fd >= 0)
        file_close(fd);
    return written;
}

size_t file_read(const char *path, char *content, size_t size)
{
    int fd = file_open(path, FILE_READ);
    size_t length = 0;

    while (fd >= 0 && length < size - 1) {
        long got = KERNEL(CALL_READ, fd, content + length, size - 1 - length);

        if (got <= 0)
            break;
        length += (size_t)got;
    }
    if (fd >= 0)
        file_close(fd);
    content[length] = '\0';
    return length;
}

struct entry {
    uint64_t inode, next;
    uint16_t size;
    uint8_t kind;
    char name[];
};

void folder_each(const char *path, void (*each)(const char *name, void *context), void *context)
{
    _Alignas(8) char list[4096];
    int fd = file_open(path, FILE_READ);
    long got;

    if (fd < 0)
        return;
    while ((got = KERNEL(CALL_GETDENTS, fd, list, sizeof list)) > 0) {
        for (long at = 0; at < got;) {
            const struct entry *entry = (const struct entry *)(list + at);

            if (!text_equal(entry->name, ".") && !text_equal(entry->name, ".."))
                each(entry->name, context);
            at += entry->size;
        }
    }
    file_close(fd);
}

static size_t append(char *path, size_t length, const char *part)
{
    while (*part && length < PATH_SIZE - 1)
        path[length++] = *part++;
    path[length] = '\0';
    return length;
}

void path_join(char *path, const char *folder, const char *name, const char *rest)
{
    append(path, append(path, append(path, 0, folder), name), rest);
}
