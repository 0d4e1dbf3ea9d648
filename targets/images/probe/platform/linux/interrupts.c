/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of PCI functions through the driver uio_pci_generic: a read of its file returns when there was one, after
 * which the driver keeps the function's line masked until the command register says otherwise (kernel source,
 * Documentation/driver-api/uio-howto.rst). It needs a function with an interrupt pin that can be masked.
 */
#include "kernel.h"
#include "linux.h"
#include "text.h"

enum { LIMIT = 8, COMMAND = 4, COMMAND_NO_INTERRUPT = 0x400, NANOSECONDS = 1000000000 };

static struct opened {
    int fd;
    struct pci_function function;
    interrupt_handler *handler;
    void *context;
} opened[LIMIT];
static unsigned count;

static void unmask(const struct pci_function *function)
{
    uint32_t command = pci_config_read(function, COMMAND, 2);

    pci_config_write(function, COMMAND, 2, command & ~(uint32_t)COMMAND_NO_INTERRUPT);
}

static void serve(struct opened *one)
{
    uint32_t total;

    if (KERNEL(CALL_READ, one->fd, &total, sizeof total) != sizeof total)
        return;
    if (one->handler(one->context))
        unmask(&one->function);
}

/* Time left, as the kernel wants it; 0 when it has run out. */
static struct time left_of(uint64_t until)
{
    uint64_t now = clock_now_ns(), left = until > now ? until - now : 0;

    return (struct time){(int64_t)(left / NANOSECONDS), (int64_t)(left % NANOSECONDS)};
}

bool wait_input(const int *fds, unsigned wanted, const volatile uint64_t *counter, uint64_t seen, uint64_t until)
{
    struct poll_entry entries[LIMIT + 2];

    for (;;) {
        struct time left = left_of(until);
        bool found = false;

        for (unsigned i = 0; i < wanted; i++)
            entries[i] = (struct poll_entry){fds[i], POLL_IN, 0};
        for (unsigned i = 0; i < count; i++)
            entries[wanted + i] = (struct poll_entry){opened[i].fd, POLL_IN, 0};
        KERNEL(CALL_PPOLL, entries, wanted + count, until ? &left : NULL, NULL);
        for (unsigned i = 0; i < count; i++)
            if (entries[wanted + i].found & POLL_IN)
                serve(&opened[i]);
        for (unsigned i = 0; i < wanted; i++)
            found |= entries[i].found != 0;
        if (found || (counter && *counter != seen))
            return true;
        if (until && clock_now_ns() >= until)
            return false;
    }
}

struct name {
    char text[PATH_SIZE];
};

static void keep_name(const char *name, void *context)
{
    path_join(((struct name *)context)->text, "/dev/", name, "");
}

/* The driver's file for this function; -1 when the driver does not take it. */
static int open_uio(const struct pci_function *function)
{
    char path[PATH_SIZE], identity[] = "0000 0000";
    struct name device = {""};

    hex_write(identity, function->vendor_id, 4);
    hex_write(identity + 5, function->device_id, 4);
    file_write_text("/sys/bus/pci/drivers/uio_pci_generic/new_id", identity);
    pci_path(path, function, "/uio");
    folder_each(path, keep_name, &device);
    return device.text[0] ? file_open(device.text, FILE_READ_WRITE) : -1;
}

bool interrupt_open(const struct interrupt *interrupt, interrupt_handler *handler, void *context)
{
    int fd;

    /* The driver has the pin's line and no other. */
    if (interrupt->message || !interrupt->function || count == LIMIT ||
        (interrupt->line != LINE_OF_DRIVER && interrupt->line != pci_interrupt_line(interrupt->function)))
        return false;
    fd = open_uio(interrupt->function);
    if (fd < 0)
        return false;
    opened[count++] = (struct opened){fd, *interrupt->function, handler, context};
    unmask(interrupt->function);
    return true;
}

void interrupt_again(void *context)
{
    for (unsigned i = 0; i < count; i++)
        if (opened[i].context == context)
            unmask(&opened[i].function);
}

void interrupt_close(void *context)
{
    for (unsigned i = 0; i < count; i++) {
        if (opened[i].context == context) {
            file_close(opened[i].fd);
            opened[i--] = opened[--count];
        }
    }
}

void interrupts_mask(void)
{
}

void interrupts_unmask(void)
{
}

void interrupt_wait(const volatile uint64_t *counter, uint64_t seen, uint64_t until)
{
    if (*counter == seen)
        wait_input(NULL, 0, counter, seen, until ? until : 1);
}

unsigned pci_interrupt_line(const struct pci_function *function)
{
    char path[PATH_SIZE], text[16];
    uint64_t line = 0;
    size_t length;

    pci_path(path, function, "/irq");
    length = file_read(path, text, sizeof text);
    if (length && text[length - 1] == '\n')
        text[length - 1] = '\0';
    /* The kernel gives the function its interrupt when a driver takes it. */
    return number_parse(text, &line) && line ? (unsigned)line : LINE_OF_DRIVER;
}
