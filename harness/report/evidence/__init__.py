# SPDX-License-Identifier: Apache-2.0
"""The data of a report on the disk: journal, results, folders; written, read and merged."""
