# SPDX-License-Identifier: Apache-2.0
"""More tests for the suite of ``judging_bodies``: what ``all`` says of what a call gave."""

from __future__ import annotations

from typing import Final

ALLS: Final = """
    def test_all_of_what_a_call_gave():
        assert all(name > 3 for name in none())

    def test_all_of_two_calls_by_turns():
        assert all(
            left == right
            for left, right in zip(none(), none())
        )

    def test_all_of_what_a_call_gave_in_a_helper(bench):
        def check(values):
            assert all(value == 3 for value in values())
        check(none)

    def test_all_of_something_is_good(bench):
        assert all(name != "x" for name in list(str(bench)))

    def test_names_of_the_module_are_its_own_is_good(bench):
        assert "all" not in globals() and bench

    def test_all_in_all_is_good(bench):
        assert all(all(none()) for letter in str(bench))
"""
