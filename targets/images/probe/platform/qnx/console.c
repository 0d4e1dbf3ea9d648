/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console is standard input and output. A thread of its own blocks in read() and reports by a pulse how many bytes it
 * has got; it reads again when they are used up.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>
#include "qnx.h"

enum { CHUNK = 4096, OWN_PRIORITY = -1 };

static char chunk[CHUNK];         /* the reader's until it has sent a pulse, the core's until USED_UP is posted */
static size_t chunk_length, chunk_at;
static bool ended;
static sem_t used_up;
static struct termios before;
static bool is_terminal;

static void *read_on(void *unused)
{
    (void)unused;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);

        if (got == -1 && errno == EINTR)
            continue;
        MsgSendPulse(events_connection(), OWN_PRIORITY, PULSE_CONSOLE, got > 0 ? (int)got : 0);
        if (got <= 0)
            return NULL;
        while (sem_wait(&used_up) == -1 && errno == EINTR)
            ;
    }
}

void console_take(int length)
{
    chunk_length = (size_t)length;
    chunk_at = 0;
    ended = length == 0;
}

int console_read(size_t missing)
{
    (void)missing;
    int byte;

    while (chunk_at == chunk_length && !ended)
        events_wait(0);
    if (ended)
        return -1;
    byte = (unsigned char)chunk[chunk_at++];
    if (chunk_at == chunk_length)
        sem_post(&used_up);
    return byte;
}

void console_write(const char *text, size_t length)
{
    while (length) {
        ssize_t done = write(STDOUT_FILENO, text, length);

        if (done == -1 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        text += done;
        length -= (size_t)done;
    }
}

/* Byte by byte as they come, no echo, no signals, nothing translated in either direction. */
static void terminal_raw(void)
{
    struct termios raw = before;

    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | IGNBRK | IGNCR | INLCR | INPCK | ISTRIP | IXOFF | IXON | PARMRK);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

bool console_start(void)
{
    pthread_t reader;

    is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal)
        terminal_raw();
    return sem_init(&used_up, 0, 0) == 0 && pthread_create(&reader, NULL, read_on, NULL) == 0;
}

void console_stop(void)
{
    if (is_terminal)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}
