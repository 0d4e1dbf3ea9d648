/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the Linux layer share. */
#ifndef LINUX_H
#define LINUX_H

#include "platform.h"

/* From now on faults are caught, and a client that goes away does not end the probe. */
void faults_start(void);

/* Where a PCI function is in sysfs: /sys/bus/pci/devices/DDDD:BB:DD.F, and then REST. */
void pci_path(char *path, const struct pci_function *function, const char *rest);

/* The function and BAR that a range of guest-physical addresses lies in; NULL when there is none. */
const struct pci_function *pci_function_at(uint64_t physical, uint64_t length, unsigned *bar);

/* Reads the hexadecimal number at *TEXT and moves past it and the separator behind it. */
uint64_t take_hex(const char **text);

/* Waits for input on FD (or, if negative, for nothing), serving interrupts meanwhile; UNTIL 0: no time limit. */
bool wait_input(const int *fds, unsigned count, const volatile uint64_t *counter, uint64_t seen, uint64_t until);

/* The service that keeps the probe's state, and the program that connects a terminal to it. */
void service_run(int ready);
int relay_run(void);

/* The program when it has arguments: copies between memory and its standard streams. */
int transfer_run(const char *const *words, unsigned count);

#endif
