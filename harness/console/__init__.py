# SPDX-License-Identifier: Apache-2.0
"""What a console said, a guest's or a host's own: taken, kept, and written to the evidence."""
