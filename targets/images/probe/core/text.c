/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

size_t text_length(const char *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    return length;
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void hex_write(char *to, uint64_t value, unsigned digits)
{
    while (digits--) {
        to[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static bool suffix_parse(const char *text, uint64_t *value)
{
    unsigned shift;

    switch (*text) {
    case '\0': return true;
    case 'k': case 'K': shift = 10; break;
    case 'm': case 'M': shift = 20; break;
    case 'g': case 'G': shift = 30; break;
    default: return false;
    }
    if (text[1] || *value > UINT64_MAX >> shift)
        return false;
    *value <<= shift;
    return true;
}

bool number_parse(const char *text, uint64_t *value)
{
    unsigned base = 10;
    uint64_t sum = 0;
    const char *digits;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    for (digits = text; *text; text++) {
        int digit = hex_digit(*text);

        if (digit < 0 || (unsigned)digit >= base)
            break;
        if (sum > (UINT64_MAX - (unsigned)digit) / base)
            return false;
        sum = sum * base + (unsigned)digit;
    }
    if (text == digits)
        return false;
    *value = sum;
    return suffix_parse(text, value);
}

int percent_decode(char *text)
{
    char *to = text;
    const char *from = text;

    while (*from) {
        if (*from != '%') {
            *to++ = *from++;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);

        if (low < 0)
            return -1;
        *to++ = (char)(high << 4 | low);
        from += 3;
    }
    *to = '\0';
    return (int)(to - text);
}
