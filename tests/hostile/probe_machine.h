/* SPDX-License-Identifier: Apache-2.0 */
/* The made-up machine of the probe's fuzzer: all of platform.h but the console and the end of the machine. */
#ifndef PROBE_MACHINE_H
#define PROBE_MACHINE_H

/* Fills the memory and the device. To be called before the probe runs. */
void machine_make(void);

#endif
