# SPDX-License-Identifier: Apache-2.0
"""A process of ours as the rest of the machine sees it: exit statuses, signals, standard streams, its owner."""
