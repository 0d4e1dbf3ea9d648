/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYS_SYSMGR_H
#define SYS_SYSMGR_H
#include "../hiding.h"
#if defined(SHOWS_QNX)
int sysmgr_reboot(void);
#endif
#endif
