/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs inside a QEMU process and replaces the host memory behind a guest's window, one slot at a time.
 *
 * QEMU maps the private memory file of the window once, when it starts. To show a shared region to the guest at RAM
 * speed, the region's file is mapped over a slot of that mapping; to take it away, the private file is mapped there
 * again. Only the process that owns an address space can do that on every kernel without privileges, hence this
 * library. It is preloaded into QEMU by the emulated host, which holds the other end of the socket whose number is in
 * SHMEM_WINDOW_FD and sends one struct request (with the file to map as ancillary data) for each change; the answer is
 * one errno. The thread takes no lock of QEMU's and touches no memory but the window.
 *
 * QEMU also dies with the host, whose process number is in SHMEM_WINDOW_HOST, however that ends. To ask for that between
 * fork and exec, the host would have to copy its whole address space at each start of a guest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct request {
    uint64_t device; /* st_dev of the window's private file */
    uint64_t inode;
    uint64_t offset; /* of the window, bytes */
    uint64_t length; /* bytes */
    uint64_t file_offset; /* of the file that comes with the request, bytes */
};

struct segment {
    uint64_t device, inode, start, end; /* part of the private file ... */
    char *address; /* ... and where QEMU has mapped it */
};

static struct segment *segments;
static int segment_count;

static int known(const struct request *request)
{
    for (int i = 0; i < segment_count; i++)
        if (segments[i].inode == request->inode && segments[i].device == request->device)
            return 1;
    return 0;
}

static int remember(struct segment segment)
{
    struct segment *more = realloc(segments, (segment_count + 1) * sizeof *segments);

    if (!more)
        return ENOMEM;
    segments = more;
    segments[segment_count++] = segment;
    return 0;
}

/* Remember where the window lies while nothing covers it yet; later its parts show as other files. */
static int remember_window(const struct request *request)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int error = 0;

    if (!maps)
        return errno;
    while (!error && fgets(line, sizeof line, maps)) {
        unsigned long start, end, offset, inode;
        unsigned int major_number, minor_number;

        if (sscanf(line, "%lx-%lx %*s %lx %x:%x %lu", &start, &end, &offset, &major_number, &minor_number, &inode) != 6)
            continue;
        if (inode != request->inode || makedev(major_number, minor_number) != request->device)
            continue;
        error = remember((struct segment){
            .device = request->device,
            .inode = request->inode,
            .start = offset,
            .end = offset + (end - start),
            .address = (char *)start,
        });
    }
    fclose(maps);
    if (error)
        return error;
    return known(request) ? 0 : ENOENT;
}

static int replace(const struct request *request, int fd)
{
    if (!known(request)) {
        int error = remember_window(request);
        if (error)
            return error;
    }
    for (int i = 0; i < segment_count; i++) {
        const struct segment *s = &segments[i];

        if (s->inode != request->inode || s->device != request->device)
            continue;
        if (request->offset < s->start || request->offset >= s->end || request->length > s->end - request->offset)
            continue;
        void *where = s->address + (request->offset - s->start);
        void *mapped = mmap(where, request->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                            (off_t)request->file_offset);
        return mapped == MAP_FAILED ? errno : 0;
    }
    return ENXIO;
}

/* One request and the file that came with it; 0 when the host has closed its end, negative for an error. */
static ssize_t receive(int channel, struct request *request, int *fd)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {request, sizeof *request};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t received;

    do
        received = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (received < 0 && errno == EINTR);
    *fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); received > 0 && c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            memcpy(fd, CMSG_DATA(c), sizeof *fd);
    return received == 0 || received == (ssize_t)sizeof *request ? received : -1;
}

/* Nobody changes the window any more, so its guest must not go on: the host would wait for each change. */
__attribute__((noreturn)) static void give_up(const char *why)
{
    fprintf(stderr, "window: %s: %s\n", why, strerror(errno));
    _exit(EXIT_FAILURE);
}

static void *serve(void *argument)
{
    int channel = (int)(intptr_t)argument, fd;
    struct request request;
    ssize_t received;

    while ((received = receive(channel, &request, &fd)) > 0) {
        /* Every request comes with a file; a process without a free descriptor does not get it. */
        int32_t error = fd < 0 ? EMFILE : replace(&request, fd);

        if (fd >= 0)
            close(fd);
        if (send(channel, &error, sizeof error, MSG_NOSIGNAL) != sizeof error)
            give_up("cannot answer the host");
    }
    if (received < 0)
        give_up("cannot hear the host");
    /* The channel stays open: its end shows the host that QEMU has ended, and with it every mapping. */
    return NULL;
}

static void die_with(const char *host)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A host that ended earlier sends no signal any more. */
    if (getppid() != atoi(host))
        _exit(EXIT_FAILURE);
}

__attribute__((constructor)) static void start(void)
{
    const char *number = getenv("SHMEM_WINDOW_FD"), *host = getenv("SHMEM_WINDOW_HOST");
    sigset_t all, before;
    pthread_t thread;

    if (!number || !host)
        return;
    die_with(host);
    /* QEMU's own threads handle its signals. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread, NULL, serve, (void *)(intptr_t)atoi(number));
    if (errno != 0)
        give_up("cannot start a thread");
    pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    unsetenv("SHMEM_WINDOW_FD");
    unsetenv("SHMEM_WINDOW_HOST");
}
