# SPDX-License-Identifier: Apache-2.0
"""An audit as a page of HTML with a picture of the system."""
