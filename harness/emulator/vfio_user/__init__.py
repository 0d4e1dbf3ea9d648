# SPDX-License-Identifier: Apache-2.0
"""The server side of the vfio-user protocol, as far as QEMU's ``vfio-user-pci`` client needs it.

Source: "vfio-user Protocol Specification" version 0.9 of the libvfio-user project, and QEMU's behaviour where noted.
"""
