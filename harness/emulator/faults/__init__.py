# SPDX-License-Identifier: Apache-2.0
"""Deliberate defects of the emulated device, by name: each is one way in which a real device could be wrong.

They exist so that the suites can prove that they notice. A fault replaces attributes of classes and modules in the
process of one host, which is why it is meant for a host that serves nothing else. The group of a fault names the
requirements that have to catch it.

``catalogue`` lists the faults, ``registration`` registers one, ``injection`` injects them. The
other modules have the faults, and are imported only when one of theirs is put in.
"""
