/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical memory in the program's address space. What belongs to a PCI function is mapped through its resource
 * files, which decide the memory type: resourceN is device memory, resourceN_wc normal memory that is not cached, the
 * nearest that a program gets (kernel source, Documentation/PCI/sysfs-pci.rst). Everything else goes through /dev/mem.
 */
#include "kernel.h"
#include "linux.h"
#include "text.h"

enum { PAGE = 4096, LARGE_PAGE = 2 << 20, PRIVATE_LIMIT = 1 << 30, NO_LARGE_PAGES = 15 };

static int open_resource(uint64_t physical, uint64_t length, enum memory_kind kind, uint64_t *offset)
{
    unsigned bar;
    const struct pci_function *function = pci_function_at(physical, length, &bar);
    char path[PATH_SIZE], rest[] = "/resource0";
    char combining[] = "/resource0_wc";

    if (!function)
        return -1;
    *offset = physical - function->bar[bar].base;
    rest[9] = combining[9] = (char)('0' + bar);
    /* The kernel makes the second file only for memory that may be prefetched. */
    pci_path(path, function, kind == MEMORY_NORMAL && function->bar[bar].prefetchable ? combining : rest);
    return file_open(path, FILE_READ_WRITE);
}

static int open_memory(uint64_t physical, uint64_t length, enum memory_kind kind, uint64_t *offset)
{
    int fd = open_resource(physical, length, kind, offset);

    if (fd >= 0)
        return fd;
    *offset = physical;
    return file_open("/dev/mem", kind == MEMORY_NORMAL ? FILE_READ_WRITE : FILE_READ_WRITE | FILE_SYNC);
}

static uint64_t whole_pages(uint64_t physical, uint64_t length)
{
    return (physical % PAGE + length + PAGE - 1) & -(uint64_t)PAGE;
}

void *memory_map(uint64_t physical, uint64_t length, enum memory_kind kind)
{
    uint64_t offset, inside = physical % PAGE;
    int fd = open_memory(physical - inside, whole_pages(physical, length), kind, &offset);
    long at;

    if (fd < 0)
        return NULL;
    at = KERNEL(CALL_MMAP, 0, whole_pages(physical, length), MAP_READ_WRITE, MAP_SHARED_PAGES, fd, offset);
    file_close(fd);
    return kernel_failed(at) ? NULL : (char *)at + inside;
}

const char *memory_words(const void *address)
{
    (void)address;
    return NULL;
}

void memory_unmap(void *address, uint64_t length, enum memory_kind kind)
{
    uint64_t at = (uint64_t)address;

    (void)kind;
    if (address)
        KERNEL(CALL_MUNMAP, at & -(uint64_t)PAGE, whole_pages(at, length));
}

/* Memory that the kernel can give without ending a process, in bytes. */
static uint64_t available(void)
{
    static const char line[] = "MemAvailable:";
    char text[1024];
    const char *at = text;
    uint64_t kilobytes = 0;

    file_read("/proc/meminfo", text, sizeof text);
    while (*at && memcmp(at, line, sizeof line - 1) != 0) {
        while (*at && *at++ != '\n')
            ;
    }
    for (; *at && *at != '\n'; at++)
        if (*at >= '0' && *at <= '9')
            kilobytes = 10 * kilobytes + (uint64_t)(*at - '0');
    return kilobytes << 10;
}

/* The last one stays until the next is wanted: a measurement compares with it by turns. */
void *memory_private(uint64_t like, uint64_t length)
{
    static char *reserved;
    static uint64_t size;
    char *memory;
    long at;

    if (reserved)
        KERNEL(CALL_MUNMAP, reserved, size);
    reserved = NULL;
    size = whole_pages(like, length) + LARGE_PAGE;
    if (length > PRIVATE_LIMIT || size > available() / 2)
        return NULL;
    at = KERNEL(CALL_MMAP, 0, size, MAP_READ_WRITE, MAP_PRIVATE_PAGES | MAP_NO_FILE, -1, 0);
    if (kernel_failed(at))
        return NULL;
    reserved = (char *)at;
    memory = reserved + ((like - (uint64_t)reserved) & (LARGE_PAGE - 1));
    /* Resource files are mapped by small pages. */
    KERNEL(CALL_MADVISE, reserved, size, NO_LARGE_PAGES);
    return memory;
}
