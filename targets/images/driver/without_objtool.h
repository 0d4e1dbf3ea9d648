/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* On x86 these leave work in the object file to a program of the kernel's own, objtool, which is not run here. */
#undef CONFIG_HAVE_JUMP_LABEL_HACK
