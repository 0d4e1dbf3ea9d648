# SPDX-License-Identifier: Apache-2.0
"""Each thing that a host is asked for, spoilt in each way."""
