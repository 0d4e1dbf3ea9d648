# SPDX-License-Identifier: Apache-2.0
"""What a target file says about the verdict of its runs: what has to be judged, and which failures are accepted."""
