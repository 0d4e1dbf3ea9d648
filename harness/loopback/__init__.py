# SPDX-License-Identifier: Apache-2.0
"""The loopback board: a machine that is a program, with all that a hypervisor host in a lab is reached by.

It has a serial line with a login, an SSH server, a power switch, a file system that survives a power cut, and ``qvm``
on its PATH. Nothing of it is a stand-in for code of the harness: the line is a pseudo-terminal that pyserial opens, the
server is OpenSSH's, the shell is the machine's ``/bin/sh``, and behind ``qvm`` is the emulated host.
"""
