# SPDX-License-Identifier: Apache-2.0
"""Pages and pictures that are made from a report."""
