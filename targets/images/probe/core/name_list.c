/* SPDX-License-Identifier: Apache-2.0 */
#include "name_list.h"
#include "shmem.h"
#include "text.h"

enum { PARTS_MAX = 6, LETTERS_MAX = 256 };

struct item {
    struct call *call;
    name_taker *take;
    void *context;
    char *part[PARTS_MAX];        /* what stands between the colons */
    unsigned parts;
    uint8_t name[SHMEM_NAME_SIZE + 1]; /* the second part, undone */
    unsigned length;
};

static bool tell(struct item *item, const uint8_t *name, unsigned length)
{
    return length > SHMEM_NAME_SIZE || item->take(item->context, name, length);
}

static bool part_number(struct item *item, unsigned part, uint64_t most, uint64_t *value)
{
    if (number_parse(item->part[part], value) && *value <= most)
        return true;
    call_fail(item->call, FAIL_USAGE, "not a number that is possible here", item->part[part]);
    return false;
}

/* The length of a part with %XX undone, in place; -1 (and the call has failed) when it is no name of at most MOST bytes. */
static int part_bytes(struct item *item, unsigned part, unsigned most)
{
    /* A word cannot be empty, so a lone % stands for the empty name here as everywhere. */
    int length = text_equal(item->part[part], "%") ? 0 : percent_decode(item->part[part]);

    if (length >= 0 && (unsigned)length <= most)
        return length;
    call_fail(item->call, FAIL_USAGE, "% must be followed by two hex digits, and a name has at most 32 bytes",
              item->part[part]);
    return -1;
}

static void copy(uint8_t *to, const void *from, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        to[i] = ((const uint8_t *)from)[i];
}

static bool with_every_value(struct item *item, uint64_t at)
{
    uint8_t name[SHMEM_NAME_SIZE];

    copy(name, item->name, item->length);
    for (unsigned value = 0; value < 256; value++) {
        name[at] = (uint8_t)value;
        if (!tell(item, name, item->length))
            return false;
    }
    return true;
}

/* One byte of the name after the other is kept in the bits of KEPT and gets those of VALUE turned over. */
static bool with_each_byte(struct item *item, uint8_t kept, uint8_t value)
{
    for (unsigned i = 0; i < item->length; i++) {
        uint8_t name[SHMEM_NAME_SIZE];

        copy(name, item->name, item->length);
        name[i] = (name[i] & kept) ^ value;
        if (!tell(item, name, item->length))
            return false;
    }
    return true;
}

static bool without_each_byte(struct item *item)
{
    for (unsigned i = 0; i < item->length; i++) {
        uint8_t name[SHMEM_NAME_SIZE];

        copy(name, item->name, i);
        copy(name + i, item->name + i + 1, item->length - i - 1);
        if (!tell(item, name, item->length - 1))
            return false;
    }
    return true;
}

/* A byte more before each place up to LAST: VALUE, or the byte of that place once more when VALUE is negative. */
static bool with_one_more(struct item *item, unsigned places, int value)
{
    for (unsigned i = 0; i < places; i++) {
        uint8_t name[SHMEM_NAME_SIZE + 1];

        copy(name, item->name, i);
        name[i] = value < 0 ? item->name[i] : (uint8_t)value;
        copy(name + i + 1, item->name + i, item->length - i);
        if (!tell(item, name, item->length + 1))
            return false;
    }
    return true;
}

static bool with_neighbours_swapped(struct item *item)
{
    for (unsigned i = 0; i + 1 < item->length; i++) {
        uint8_t name[SHMEM_NAME_SIZE];

        copy(name, item->name, item->length);
        name[i] = item->name[i + 1];
        name[i + 1] = item->name[i];
        if (!tell(item, name, item->length))
            return false;
    }
    return true;
}

static bool of_every_length(struct item *item, unsigned first, unsigned last)
{
    for (unsigned length = first; length <= last; length++)
        if (!tell(item, item->name, length))
            return false;
    return true;
}

static bool grown(struct item *item, uint8_t value)
{
    for (unsigned i = item->length; i < SHMEM_NAME_SIZE; i++)
        item->name[i] = value;
    return of_every_length(item, item->length, SHMEM_NAME_SIZE);
}

/* All words of LENGTH letters; the digits of the count are the letters' places in the alphabet. */
static bool words_of(struct item *item, unsigned length, unsigned letters, unsigned last)
{
    const uint8_t *alphabet = (const uint8_t *)item->part[2];
    unsigned digit[SHMEM_NAME_SIZE] = {0}, first = item->length, at;
    uint8_t name[SHMEM_NAME_SIZE];

    copy(name, item->name, first);
    copy(name + first + length, item->part[3], last);
    for (;;) {
        for (unsigned i = 0; i < length; i++)
            name[first + i] = alphabet[digit[i]];
        if (!tell(item, name, first + length + last))
            return false;
        for (at = length; at && ++digit[at - 1] == letters; at--)
            digit[at - 1] = 0;
        if (at == 0)
            return true;
    }
}

static bool all_words(struct item *item)
{
    int letters = part_bytes(item, 2, LETTERS_MAX), last = letters < 0 ? -1 : part_bytes(item, 3, SHMEM_NAME_SIZE);
    uint64_t least, most;

    if (last < 0 || !part_number(item, 4, SHMEM_NAME_SIZE, &least) || !part_number(item, 5, SHMEM_NAME_SIZE, &most))
        return false;
    if (letters == 0 || item->length + (unsigned)last + most > SHMEM_NAME_SIZE) {
        call_fail(item->call, FAIL_USAGE, "words need letters, and room in a name", item->part[5]);
        return false;
    }
    for (uint64_t length = least; length <= most; length++)
        if (!words_of(item, (unsigned)length, (unsigned)letters, (unsigned)last))
            return false;
    return true;
}

static bool with_value(struct item *item, const char *rule)
{
    uint64_t value;

    if (!part_number(item, 2, 255, &value))
        return false;
    if (text_equal(rule, "each"))
        return with_each_byte(item, 0, (uint8_t)value);
    if (text_equal(rule, "flip"))
        return with_each_byte(item, 0xff, (uint8_t)value);
    if (text_equal(rule, "insert"))
        return with_one_more(item, item->length + 1, (int)value);
    if (text_equal(rule, "grow"))
        return grown(item, (uint8_t)value);
    if (text_equal(rule, "any") && value < item->length)
        return with_every_value(item, value);
    call_fail(item->call, FAIL_USAGE, "no such rule, or no such byte", rule);
    return false;
}

static bool walk_rule(struct item *item)
{
    const char *rule = item->part[0];

    if (text_equal(rule, "words") && item->parts == 6)
        return all_words(item);
    if (item->parts == 3)
        return with_value(item, rule);
    if (text_equal(rule, "drop"))
        return without_each_byte(item);
    if (text_equal(rule, "twice"))
        return with_one_more(item, item->length, -1);
    if (text_equal(rule, "swap"))
        return with_neighbours_swapped(item);
    if (text_equal(rule, "cut"))
        return of_every_length(item, 0, item->length);
    call_fail(item->call, FAIL_USAGE, "no such rule", rule);
    return false;
}

static bool walk_item(struct item *item)
{
    unsigned name = item->parts > 1;
    int length = part_bytes(item, name, SHMEM_NAME_SIZE);

    if (length < 0)
        return false;
    item->length = (unsigned)length;
    copy(item->name, item->part[name], item->length);
    return name ? walk_rule(item) : tell(item, item->name, item->length);
}

static char *item_split(struct item *item, char *text)
{
    item->parts = 0;
    item->part[item->parts++] = text;
    for (; *text && *text != ','; text++) {
        if (*text != ':' || item->parts == PARTS_MAX)
            continue;
        *text = '\0';
        item->part[item->parts++] = text + 1;
    }
    if (!*text)
        return NULL;
    *text = '\0';
    return text + 1;
}

bool name_list_walk(struct call *call, char *items, name_taker *take, void *context)
{
    struct item item = {.call = call, .take = take, .context = context};

    while (items) {
        items = item_split(&item, items);
        if (!walk_item(&item))
            return false;
    }
    return true;
}
