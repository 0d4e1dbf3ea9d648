# SPDX-License-Identifier: Apache-2.0
"""The reference model: what every step must show, worked out on paper."""
