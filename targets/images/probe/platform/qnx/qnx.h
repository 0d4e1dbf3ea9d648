/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the layer for QNX guests share. Everything here is written from the vendor's public documentation
 * (C Library Reference, PCI Server User's Guide, Building Embedded Systems; releases 7.0, 7.1, 8.0) and is untried:
 * docs/qnx-guest.md lists what has been checked and what is uncertain.
 *
 * One thread does everything but read the console: handlers run where the core waits, so neither the core nor its fault
 * guard ever meets a second thread.
 */
#ifndef QNX_H
#define QNX_H

#include <sys/neutrino.h>
#include "platform.h"

/* What the pulses on the program's channel mean; their values are below, with the functions that take them. */
enum { PULSE_CONSOLE = _PULSE_CODE_MINAVAIL, PULSE_INTERRUPT };

/* The channel, and the connection of the program to itself that pulses are sent through. False: none can be had. */
bool events_start(void);
int events_connection(void);

/* Waits for one pulse and serves it; false when clock_now_ns() has reached UNTIL (0: no limit) without one. */
bool events_wait(uint64_t until);

/* The terminal is switched to single bytes, and its reader started. The terminal is as before after console_stop(). */
bool console_start(void);
void console_stop(void);
void console_take(int length);        /* value of PULSE_CONSOLE: bytes that have come; 0: the end */

void interrupt_serve(int ticket);     /* value of PULSE_INTERRUPT: which attachment */

/* From now on, faults in guarded code are caught. */
void faults_start(void);

/* Fills in the RAM that the system page lists. */
void ram_find(struct platform_facts *facts);

#endif
