# SPDX-License-Identifier: Apache-2.0
"""Commands as a shell sees them: how they end, what they say, their exit statuses."""
