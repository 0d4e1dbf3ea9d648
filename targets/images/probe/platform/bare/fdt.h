/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a flattened device tree (Devicetree Specification v0.4, section 5). */
#ifndef FDT_H
#define FDT_H

#include <stdbool.h>
#include <stdint.h>

enum { FDT_DEPTH = 8 };

struct fdt_cells {
    uint8_t address, size;
};

struct fdt_walk {
    const char *strings;
    const uint32_t *at;           /* the next token */
    const uint32_t *end;
    unsigned depth;
    struct fdt_cells cells[FDT_DEPTH + 2]; /* of the nodes on the way, for their children */
};

struct fdt_node {
    const struct fdt_walk *walk;
    const char *name;
    const uint32_t *properties;
    struct fdt_cells cells;       /* the parent's: they give the form of "reg" */
};

/* False when there is no device tree at BLOB. */
bool fdt_open(struct fdt_walk *walk, const void *blob);

/* The bytes that the tree at BLOB takes. */
uint64_t fdt_size(const void *blob);

/* The next node in the order of the tree; false at its end. */
bool fdt_next(struct fdt_walk *walk, struct fdt_node *node);

/* A property's value and length in bytes, or NULL. */
const void *fdt_property(const struct fdt_node *node, const char *name, uint32_t *length);

/* A property of one cell, or OTHERWISE. */
uint32_t fdt_cell(const struct fdt_node *node, const char *name, uint32_t otherwise);

bool fdt_compatible(const struct fdt_node *node, const char *compatible);

/* COUNT cells as one number. */
uint64_t fdt_number(const uint32_t *cells, unsigned count);

/* The INDEX-th range of "reg". */
bool fdt_reg(const struct fdt_node *node, unsigned index, uint64_t *address, uint64_t *size);

/* The INDEX-th interrupt of a node below a GIC as an interrupt id; FLAGS (may be NULL) receives the trigger cell. */
bool fdt_gic_interrupt(const struct fdt_node *node, unsigned index, unsigned *intid, uint32_t *flags);

#endif
