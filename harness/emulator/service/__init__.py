# SPDX-License-Identifier: Apache-2.0
"""The host as a service: its control socket, what is said over it, its guests, and the programs of the host."""
