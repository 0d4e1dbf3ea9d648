/* SPDX-License-Identifier: Apache-2.0 */
#include "fdt.h"
#include "text.h"

enum { MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4 };
enum { HEADER_SIZE = 1, HEADER_STRUCTURE = 2, HEADER_STRINGS = 3, HEADER_COMPATIBLE = 6, HEADER_WORDS = 10 };
enum { TREE_MAX = 16 << 20, VERSION = 17, ALIGNMENT = 8 };

static uint32_t big_endian(uint32_t value)
{
    return __builtin_bswap32(value);
}

bool fdt_open(struct fdt_walk *walk, const void *blob)
{
    const uint32_t *header = blob;
    uint32_t size;

    if (!blob || (uint64_t)blob % ALIGNMENT || big_endian(header[0]) != MAGIC)
        return false;
    /* Memory can have the magic number by chance, or from an image that carries a tree. */
    size = big_endian(header[HEADER_SIZE]);
    if (size < HEADER_WORDS * sizeof *header || size > TREE_MAX || big_endian(header[HEADER_STRUCTURE]) >= size ||
        big_endian(header[HEADER_STRINGS]) > size || big_endian(header[HEADER_COMPATIBLE]) > VERSION)
        return false;
    *walk = (struct fdt_walk){
        .strings = (const char *)blob + big_endian(header[HEADER_STRINGS]),
        .at = (const uint32_t *)((const char *)blob + big_endian(header[HEADER_STRUCTURE])),
        .end = (const uint32_t *)((const char *)blob + big_endian(header[HEADER_SIZE])),
        .cells = {{2, 1}},
    };
    return true;
}

uint64_t fdt_size(const void *blob)
{
    return big_endian(((const uint32_t *)blob)[HEADER_SIZE]);
}

static const uint32_t *after_property(const uint32_t *token)
{
    return token + 3 + (big_endian(token[1]) + 3) / 4;
}

const void *fdt_property(const struct fdt_node *node, const char *name, uint32_t *length)
{
    for (const uint32_t *at = node->properties; at < node->walk->end; at = after_property(at)) {
        while (big_endian(*at) == NOP)
            at++;
        if (big_endian(*at) != PROPERTY)
            return NULL;
        if (text_equal(node->walk->strings + big_endian(at[2]), name)) {
            *length = big_endian(at[1]);
            return at + 3;
        }
    }
    return NULL;
}

uint32_t fdt_cell(const struct fdt_node *node, const char *name, uint32_t otherwise)
{
    uint32_t length;
    const uint32_t *value = fdt_property(node, name, &length);

    return value && length == 4 ? big_endian(*value) : otherwise;
}

bool fdt_next(struct fdt_walk *walk, struct fdt_node *node)
{
    while (walk->at < walk->end) {
        const uint32_t *token = walk->at;

        switch (big_endian(*token)) {
        case NOP:
            walk->at++;
            break;
        case PROPERTY:
            walk->at = after_property(token);
            break;
        case END_NODE:
            walk->depth--;
            walk->at++;
            break;
        case BEGIN_NODE:
            if (walk->depth >= FDT_DEPTH)
                return false;
            node->walk = walk;
            node->name = (const char *)(token + 1);
            node->properties = token + 1 + (text_length(node->name) + 4) / 4;
            node->cells = walk->cells[walk->depth];
            walk->at = node->properties;
            walk->depth++;
            walk->cells[walk->depth].address = (uint8_t)fdt_cell(node, "#address-cells", 2);
            walk->cells[walk->depth].size = (uint8_t)fdt_cell(node, "#size-cells", 1);
            return true;
        default:
            return false;
        }
    }
    return false;
}

bool fdt_compatible(const struct fdt_node *node, const char *compatible)
{
    uint32_t length;
    const char *list = fdt_property(node, "compatible", &length);
    const char *end = list ? list + length : NULL;

    for (; list && list < end; list += text_length(list) + 1)
        if (text_equal(list, compatible))
            return true;
    return false;
}

uint64_t fdt_number(const uint32_t *cells, unsigned count)
{
    uint64_t value = 0;

    while (count--)
        value = value << 32 | big_endian(*cells++);
    return value;
}

bool fdt_reg(const struct fdt_node *node, unsigned index, uint64_t *address, uint64_t *size)
{
    unsigned cells = node->cells.address + node->cells.size;
    uint32_t length;
    const uint32_t *reg = fdt_property(node, "reg", &length);

    if (!reg || length < 4 * cells * (index + 1))
        return false;
    reg += cells * index;
    *address = fdt_number(reg, node->cells.address);
    *size = fdt_number(reg + node->cells.address, node->cells.size);
    return true;
}

bool fdt_gic_interrupt(const struct fdt_node *node, unsigned index, unsigned *intid, uint32_t *flags)
{
    enum { CELLS = 3, SHARED = 0, FIRST_SHARED = 32, FIRST_PRIVATE = 16 };
    uint32_t length;
    const uint32_t *cell = fdt_property(node, "interrupts", &length);

    if (!cell || length < 4 * CELLS * (index + 1))
        return false;
    cell += CELLS * index;
    *intid = big_endian(cell[1]) + (big_endian(cell[0]) == SHARED ? FIRST_SHARED : FIRST_PRIVATE);
    if (flags)
        *flags = big_endian(cell[2]);
    return true;
}
