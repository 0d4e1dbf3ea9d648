# SPDX-License-Identifier: Apache-2.0
"""A board from its power switch to a host that answers: states, serial console, login, address."""
