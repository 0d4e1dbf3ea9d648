# SPDX-License-Identifier: Apache-2.0
"""The report in the forms of other tools and places: chat, in-toto, StrictDoc, scripts."""
