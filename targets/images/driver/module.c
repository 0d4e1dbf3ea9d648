// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* What every module has in addition to its own code: Kbuild writes such a file for each (scripts/mod/modpost). */

#define INCLUDE_VERMAGIC

#include <linux/module.h>
#include <linux/vermagic.h>

MODULE_INFO(name, KBUILD_MODNAME);
MODULE_INFO(vermagic, VERMAGIC_STRING);
MODULE_INFO(depends, "");
#ifdef CONFIG_MITIGATION_RETPOLINE
MODULE_INFO(retpoline, "Y");
#endif

__visible struct module __this_module __section(".gnu.linkonce.this_module") = {
	.name = KBUILD_MODNAME,
	.init = init_module,
	.exit = cleanup_module,
	.arch = MODULE_ARCH_INIT,
};

#ifdef CONFIG_MODVERSIONS
/* The checksums of the kernel's symbols that the module uses, written when it is built. */
static const struct modversion_info versions[] __used __section("__versions") = {
#include "versions.h"
};
#endif
