/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe's core on a machine that is made up (probe_machine.c), fed with lines by a fuzzer that sees what they reach.
 *
 * Usage: probe_fuzz SEED COUNT. Each input is some bytes and a line end. An oracle of its own (a second decoder with
 * another CRC) says how many requests are in an input: so many answers must come, and each must be clean.
 * The compiler calls __sanitizer_cov_trace_pc() in each block of the core; inputs that reach new ones are kept.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform.h"
#include "probe_machine.h"

#ifdef __clang__
#define UNSEEN __attribute__((no_sanitize("all"), no_sanitize("coverage")))
#else
#define UNSEEN __attribute__((no_sanitize("all"), no_sanitize_coverage))
#endif

enum { LONGEST = 10000, KEPT = 2048, MAP = 1 << 16, HEADER = 26, REQUEST_MAX = 8448 };
enum { TIMEOUT_SECONDS = 20 };

static unsigned char reached[MAP];
static size_t news;               /* blocks that have been reached */

void __sanitizer_cov_trace_pc(void);

UNSEEN void __sanitizer_cov_trace_pc(void)
{
    uintptr_t at = (uintptr_t)__builtin_return_address(0);

    at = (at ^ at >> 16) % MAP;
    news += !reached[at];
    reached[at] = 1;
}

/* --- random numbers */

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}

/* --- inputs */

struct input {
    size_t length;
    unsigned char *bytes;
};

static struct input kept[KEPT];
static size_t kept_count;
static unsigned char line[LONGEST + 1];
static size_t length, position;
static uint64_t inputs, wanted, requests_in, answers_out, requests, refusals;
static jmp_buf again;

static const char *const words[] = {
    /* The names of all commands: the test takes them from the sources. */
#include "words.inc"
    "0", "1", "2", "16", "0xffffffff", "0xffffffffffffffff", "18446744073709551615", "4k", "1g", "0x10000000",
    "0x20000000", "0x20001000", "0x1fffffff", "%", "%00", "%zz", "a%2fb", "name", "pci", "msi", "line", "8", "4",
    "deadbeef", "00112233445566778899aabbccddeeff", "-1", "0x", "",
};

static uint32_t crc_of(uint32_t crc, const unsigned char *bytes, size_t count)
{
    crc = ~crc;
    while (count--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static void put(const void *bytes, size_t count)
{
    if (count > LONGEST - length)
        count = LONGEST - length;
    memcpy(line + length, bytes, count);
    length += count;
}

static void put_command(void)
{
    char text[64];

    do {
        const char *word = words[draw(sizeof words / sizeof *words)];

        put(word, strlen(word));
        if (draw(6) == 0) {
            snprintf(text, sizeof text, "%llu", (unsigned long long)draw(1u << draw(31)));
            put(text, strlen(text));
        }
        put(" ", 1);
    } while (draw(4));
}

static void frame_last(size_t from)
{
    char header[HEADER + 1];
    size_t count = length - from;
    uint32_t crc;

    snprintf(header, sizeof header, "@Q:%08x:%04x:", (unsigned)draw(0xffffffff), (unsigned)count & 0xffff);
    crc = crc_of(crc_of(0, (unsigned char *)header + 1, 16), line + from, count);
    snprintf(header + 17, 10, "%08x:", crc);
    if (length + HEADER > LONGEST)
        return;
    memmove(line + from + HEADER, line + from, count);
    memcpy(line + from, header, HEADER);
    length += HEADER;
    put("~", 1);
}

static void mutate(void)
{
    for (uint64_t times = 1 + draw(4); times--;) {
        size_t at = draw(length + 1), count = 1 + draw(9);

        switch (draw(7)) {
        case 0:
            if (at < length)
                line[at] ^= 1 << draw(8);
            break;
        case 1:
            count = count < length - at ? count : length - at;
            memmove(line + at, line + at + count, length - at - count);
            length -= count;
            break;
        case 2:
            if (at < length)
                line[at] = (unsigned char)draw(256);
            break;
        case 3:
            put_command();
            break;
        case 4:
            put(line + at, length - at);
            break;
        case 5: {
            size_t from = length;

            put_command();
            frame_last(from);
            break;
        }
        default:
            put("xxxxxxxxxxxxxxxx", count);
        }
    }
}

static bool is_hex(const unsigned char *at, size_t count, unsigned long *value)
{
    char text[9] = {0};

    for (size_t i = 0; i < count; i++)
        if (!strchr("0123456789abcdefABCDEF", at[i]) || !at[i])
            return false;
    memcpy(text, at, count);
    *value = strtoul(text, NULL, 16);
    return true;
}

/* How many whole requests the line holds: each begins with @, and has no other @ and no line end. */
static uint64_t whole_requests(void)
{
    uint64_t found = 0;

    for (size_t i = 0; i + HEADER <= length; i++) {
        const unsigned char *at = line + i;
        unsigned long sequence, count, crc;

        if (memcmp(at, "@Q:", 3) || at[11] != ':' || at[16] != ':' || at[25] != ':' || !is_hex(at + 3, 8, &sequence) ||
            !is_hex(at + 12, 4, &count) || !is_hex(at + 17, 8, &crc) || count > REQUEST_MAX || i + HEADER + count > length)
            continue;
        if (memchr(at + 1, '@', HEADER + count - 1) || memchr(at, '\n', HEADER + count) || memchr(at, '\r', HEADER + count))
            continue;
        found += crc_of(crc_of(0, at + 1, 16), at + HEADER, count) == crc;
    }
    return found;
}

static void fail(const char *what)
{
    fprintf(stderr, "input %llu: %s:", (unsigned long long)inputs, what);
    for (size_t i = 0; i < length; i++)
        fprintf(stderr, "%02x", line[i]);
    fprintf(stderr, "\n");
    abort();
}

/* The line has been dealt with: was it answered as it deserves, and did it reach anything new? */
static void finish(void)
{
    static size_t before;
    bool fresh = news != before;

    before = news;
    if (inputs == 0)
        return;
    if (requests_in != answers_out)
        fail("requests and answers differ");
    if (fresh && kept_count < KEPT) {
        kept[kept_count].bytes = malloc(length + 1);
        memcpy(kept[kept_count].bytes, line, length);
        kept[kept_count++].length = length;
    }
}

static bool begin(void)
{
    finish();
    if (inputs == wanted)
        return false;
    inputs++;
    alarm(TIMEOUT_SECONDS);
    length = position = 0;
    answers_out = 0;
    if (kept_count && draw(3)) {
        const struct input *chosen = &kept[draw(kept_count)];

        put(chosen->bytes, chosen->length);
        mutate();
    } else {
        size_t from = length;

        put_command();
        if (draw(4))
            frame_last(from);
        if (draw(8) == 0)
            mutate();
    }
    requests_in = whole_requests();
    requests += requests_in;
    line[length++] = '\n';
    return true;
}

/* --- the console */

int console_read(size_t missing)
{
    (void)missing;
    if (position == length && !begin())
        return -1;
    return line[position++];
}

/* Frames come in pieces: the header, the payload, the end. */
void console_write(const char *text, size_t count)
{
    if (count == HEADER && text[0] == '@' && text[1] != 'H') {
        answers_out += text[1] == 'A';
        refusals += text[1] == 'N';
    }
    for (size_t i = 0; i < count; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\r' && text[i] != '\n')
            fail("an answer that is no printable text");
    if (count > 16384)
        fail("an answer that is too long");
}

_Noreturn void power_off(void) { longjmp(again, 1); }
_Noreturn void power_reset(void) { longjmp(again, 1); }

int main(int count, char **argument)
{
    if (count != 3)
        return 3;
    state = strtoull(argument[1], NULL, 0);
    wanted = strtoull(argument[2], NULL, 0);
    machine_make();
    setjmp(again);
    if (inputs < wanted || position < length)
        probe_main();
    printf("%llu inputs, %llu requests, %llu refusals, %zu blocks, %zu kept\n", (unsigned long long)inputs,
           (unsigned long long)requests, (unsigned long long)refusals, news, kept_count);
    return 0;
}
