/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a compiler may call by itself. It must not find loops in them and call them in turn. */
#include "text.h"

#define NOT_ITSELF __attribute__((no_builtin))

NOT_ITSELF void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    char *out = to;
    const char *in = from;

    while (length--)
        *out++ = *in++;
    return to;
}

NOT_ITSELF void *memmove(void *to, const void *from, size_t length)
{
    char *out = to;
    const char *in = from;

    if (out <= in)
        return memcpy(to, from, length);
    while (length--)
        out[length] = in[length];
    return to;
}

NOT_ITSELF void *memset(void *to, int value, size_t length)
{
    char *out = to;

    while (length--)
        *out++ = (char)value;
    return to;
}

NOT_ITSELF int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *left = a, *right = b;

    for (; length--; left++, right++)
        if (*left != *right)
            return *left < *right ? -1 : 1;
    return 0;
}
