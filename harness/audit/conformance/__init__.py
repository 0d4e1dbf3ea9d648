# SPDX-License-Identifier: Apache-2.0
"""What to ask the devices of a system for, so that their answers say whether they are what the audit says."""
