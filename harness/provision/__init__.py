# SPDX-License-Identifier: Apache-2.0
"""What a bench needs: found or fetched, verified, cached."""
