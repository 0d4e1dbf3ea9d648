/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYS_SYSPAGE_H
#define SYS_SYSPAGE_H
#include "../hiding.h"
#include <stdint.h>

#if defined(SHOWS_QNX)
struct asinfo_entry {
    uint64_t start, end;
    uint16_t owner, name;
};
struct qtime_entry {
    uint64_t cycles_per_sec;
};
struct strings_section {
    char data[1];
};
struct our_page {
    struct asinfo_entry *asinfo;
    struct qtime_entry *qtime;
    struct strings_section *strings;
    unsigned asinfo_size;
};
extern struct our_page *our_page;
#define SYSPAGE_ENTRY(section) (our_page->section)
#define SYSPAGE_ENTRY_SIZE(section) (our_page->section##_size)
#endif
#endif
