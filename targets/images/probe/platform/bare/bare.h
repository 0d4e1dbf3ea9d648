/* SPDX-License-Identifier: Apache-2.0 */
/* What the layers without an operating system share. */
#ifndef BARE_H
#define BARE_H

#include "guard.h"
#include "platform.h"

/* Set by the linker scripts. */
extern char image_start[], image_end[], stack_guard[], build_id_note[];

/* The build identifier that the linker has put into the image, as hex digits. */
const char *build_id(void);

/* Takes a range of RAM into the facts, unless it is empty; ranges beyond the table are left out. */
void ram_add(struct platform_facts *facts, uint64_t base, uint64_t size);

/* RAM that holds what the guest still needs: memory_private() leaves it alone. */
void ram_reserve(uint64_t base, uint64_t size);

/* Identity page tables, four levels of 4 KiB. Changes take effect at once. */
uint64_t pagetable_root(void);
void pagetable_limit(unsigned physical_bits);
bool pagetable_set(uint64_t physical, uint64_t length, enum memory_kind kind);
void pagetable_clear(uint64_t physical, uint64_t length);

/* Supplied by each architecture: the form of an entry. Level 3 holds pages; level 2 pages of 2 MiB, or tables. */
uint64_t entry_leaf(uint64_t physical, enum memory_kind kind, unsigned level);
uint64_t entry_table(uint64_t physical);
bool entry_is_table(uint64_t entry, unsigned level);
uint64_t entry_split(uint64_t entry, unsigned index);    /* page INDEX of the 512 that make up a 2 MiB entry */
void translation_flush(void);

/* Supplied by each architecture: writes back what the caches hold of memory, and forgets it. */
void caches_flush(const char *at, uint64_t length);

/* Where PCI functions may be placed; supplied by each architecture. */
struct pci_windows {
    uint64_t low_base, low_end;   /* for 32-bit BARs */
    uint64_t high_base, high_end; /* for 64-bit BARs */
};

const struct pci_windows *pci_windows(void);
bool pci_present(void);

/* Called by the exception handlers: the context to resume in. Does not return when nothing guards the code. */
struct fault_context *fault_take(const struct fault *fault);

/*
 * Interrupts. Supplied by each architecture: a line on and off, where a message must go to interrupt with NUMBER, which is
 * below INTERRUPTS_MAX, and sleep; masking is in platform.h.
 */
enum { INTERRUPTS_MAX = 16 };

bool line_enable(unsigned line, bool edge);
void line_disable(unsigned line);
bool message_target(unsigned number, uint64_t *address, uint32_t *data);

/* Interrupts are masked before and unmasked after; one that came in between ends the sleep. UNTIL 0: no time limit. */
void processor_sleep(uint64_t until);

/* Called by the architecture's handlers. */
void interrupt_dispatch_line(unsigned line);
void interrupt_dispatch_number(unsigned number);

/* A line for people, on the console. */
void bare_say(const char *words);

/* Waits until everything written has left the console. */
void console_flush(void);

#endif
