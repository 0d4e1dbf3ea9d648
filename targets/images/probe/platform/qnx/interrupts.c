/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel masks an interrupt when it sends its event, and InterruptUnmask() opens it again after the handler: a
 * level-triggered line has been lowered by then, because the handler has read the status registers.
 *
 * The numbers of lines are those that the guest's startup program gives: what InterruptAttachEvent() takes.
 */
#include "qnx.h"

enum { LIMIT = 8 };

/* 8.0 always tracks masks and refuses the flag; before that, it lets the kernel put things right when we die. */
#if _NTO_VERSION >= 800
#define ATTACH_FLAGS 0
#define UNMASK(line, id) InterruptUnmask(0, id)
#else
#define ATTACH_FLAGS _NTO_INTR_FLAGS_TRK_MSK
#define UNMASK(line, id) InterruptUnmask((int)(line), id)
#endif

static struct attachment {
    int id, ticket;               /* the ticket is never used again: a late pulse must not mean another attachment */
    unsigned line;
    interrupt_handler *handler;
    void *context;
} attachments[LIMIT];
static unsigned count;
static int last_ticket;

bool interrupt_open(const struct interrupt *interrupt, interrupt_handler *handler, void *context)
{
    struct sigevent event;
    int id;

    if (interrupt->message || interrupt->line == 0 || count == LIMIT)
        return false;
    SIGEV_PULSE_INIT(&event, events_connection(), SIGEV_PULSE_PRIO_INHERIT, PULSE_INTERRUPT, ++last_ticket);
    id = InterruptAttachEvent((int)interrupt->line, &event, ATTACH_FLAGS);
    if (id == -1)
        return false;
    attachments[count++] = (struct attachment){id, last_ticket, interrupt->line, handler, context};
    return true;
}

void interrupt_again(void *context)
{
    for (unsigned i = 0; i < count; i++)
        if (attachments[i].context == context)
            UNMASK(attachments[i].line, attachments[i].id);
}

void interrupt_close(void *context)
{
    for (unsigned i = 0; i < count; i++) {
        if (attachments[i].context == context) {
            InterruptDetach(attachments[i].id);
            attachments[i--] = attachments[--count];
        }
    }
}

void interrupt_serve(int ticket)
{
    for (unsigned i = 0; i < count; i++) {
        if (attachments[i].ticket == ticket) {
            if (attachments[i].handler(attachments[i].context))
                UNMASK(attachments[i].line, attachments[i].id);
            return;
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
    /* For events_wait() 0 would mean for ever. */
    while (*counter == seen && events_wait(until ? until : 1))
        ;
}
