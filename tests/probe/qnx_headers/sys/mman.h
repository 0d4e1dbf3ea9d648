/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYS_MMAN_H
#define SYS_MMAN_H
#include "../hiding.h"
#include <sys/types.h>

enum { PROT_READ = 0x100, PROT_WRITE = 0x200 };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2 };
#define MAP_FAILED ((void *)-1)

void *mmap(void *address, size_t length, int access, int flags, int file, off_t offset);
int munmap(void *address, size_t length);
int posix_mem_offset(const void *address, size_t length, off_t *offset, size_t *together, int *file);
#if defined(SHOWS_64)
void *mmap64(void *address, size_t length, int access, int flags, int file, off64_t offset);
#if IS_8
int posix_mem_offset64(const void *address, size_t length, off64_t *offset, size_t *together, int *file);
#endif
#endif

#if defined(SHOWS_QNX)
enum { PROT_NOCACHE = 0x800 };
enum { MAP_PHYS = 0x10000, MAP_ANON = 0x80000 };
#define NOFD (-1)
void *mmap_device_memory(void *address, size_t length, int access, int flags, uint64_t physical);
int mem_offset(const void *address, int file, size_t length, off_t *offset, size_t *together);
#if defined(SHOWS_64) && !IS_8
int mem_offset64(const void *address, int file, size_t length, off64_t *offset, size_t *together);
#endif
#endif
#endif
