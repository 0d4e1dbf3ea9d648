# SPDX-License-Identifier: Apache-2.0
"""A suite of tests that judge and of tests that only seem to. Those with "good" in their name judge."""

from __future__ import annotations

from typing import Final

BODIES: Final = """
    import re
    import unittest
    import warnings
    from unittest import mock
    from harness.report.judging.judgements import conclude, demand, judged

    TABLE, NAMES, LIMIT = {}, [], 3

    def none():
        return []

    @pytest.mark.requirement("TST-REQ-01")
    def test_empty_body(bench): ...

    def test_loop_over_nothing():
        for name in NAMES:
            assert name

    def test_loop_over_what_a_call_gave():
        for name in none():
            assert name == "x"

    def test_constant():
        assert True

    def test_all_of_nothing():
        assert all(name > 3 for name in NAMES)

    def test_all_of_a_list():
        seen = []
        assert all(seen)

    def test_list_that_nobody_filled():
        wrong = []
        for name in NAMES:
            if name:
                wrong.append(name)
        assert not wrong

    def test_list_in_a_loop_in_a_loop():
        wrong: list[str] = []
        for outer in (1, 2):
            for inner in none():
                wrong += [outer, inner]
        assert wrong == [], "all of them"

    def test_comprehension():
        wrong = [name for name in NAMES if name]
        assert len(wrong) == 0

    def test_table():
        assert {name: 1 for name in TABLE} == TABLE

    def test_swallowed_failure():
        try:
            assert NAMES
        except AssertionError:
            pass

    def test_conclusion_from_nothing():
        conclude([f"{name} is wrong" for name in NAMES])

    def test_demand_and_a_loop_over_nothing():
        demand(True, "it is there")
        for name in none():
            assert name

    @pytest.fixture
    def asserting():
        assert TABLE is not None

    def test_fixture_that_asserts(asserting): ...

    @pytest.mark.requirement("TST-REC-07")
    def test_characterisation_without_a_record(bench):
        assert bench

    class TestOldNothing(unittest.TestCase):
        def test_it(self):
            self.number = 1

    def test_fail_in_a_loop_over_nothing():
        for name in none():
            pytest.fail(name)

    def test_raise_in_a_loop_over_nothing():
        for name in none():
            if name:
                raise AssertionError(name)

    def test_fail_in_a_condition_that_nobody_decides():
        wrong = []
        if wrong:
            pytest.fail("wrong")

    def test_fail_in_a_generator_that_nobody_asks():
        (pytest.fail(name) for name in none())

    def test_tuple_with_a_message():
        number = len(none())
        assert (number == 1, "the number is wrong")

    def test_function_that_nobody_called():
        assert none

    def test_iterator():
        assert filter(None, none())

    def test_constant_with_a_name():
        holds = True
        assert holds

    def test_module_constant():
        assert LIMIT == 3

    def test_any_of_a_list_that_nobody_filled():
        names = []
        assert not any(name == "x" for name in names)

    def test_sum_of_a_list_that_nobody_filled():
        names = []
        assert sum(1 for name in names if name) == 0

    def test_set_that_nobody_filled():
        seen = set()
        assert seen <= {"a"}

    def test_method_of_a_set_that_nobody_filled():
        assert set().issubset({"a"})

    class TestOldConstants(unittest.TestCase):
        def test_true(self):
            self.assertTrue(1)

        def test_equal(self):
            self.assertEqual([1], [1], "the same")

        def test_raises(self):
            with self.assertRaises(ValueError):
                raise ValueError("x")

        def test_any_error(self):
            with self.assertRaises(Exception):
                self.attach()

        def test_good_raises(self):
            with self.assertRaises(ValueError):
                none().index(1)

        def test_good_true(self):
            self.assertTrue(
                len(none()) == 0,
                msg="the length",
            )

    def test_any_error_at_all():
        with pytest.raises(BaseException):
            none().atach()

    def test_error_of_a_constant():
        with pytest.raises(ZeroDivisionError):
            1 / 0

    def test_error_that_it_raises_itself():
        with pytest.raises((KeyError, ValueError), match="x"):
            raise ValueError("x")

    def test_warning_that_it_gives_itself():
        with pytest.warns(UserWarning):
            warnings.warn("x")

    def test_good_any_error_with_a_text():
        with pytest.raises(Exception, match="pop from empty list"):
            none().pop()

    def test_same(bench):
        assert bench == bench

    def test_length(bench):
        assert len(bench) >= 0

    def test_constant_or(bench):
        assert bench == "nobody" or True

    def test_text_that_is_never_empty(bench):
        assert f"bench {bench}"

    def test_object(bench):
        assert isinstance(bench, object)

    def test_empty_text(bench):
        assert "" in bench and bench.startswith("")

    def test_mock():
        assert mock.Mock().attach("x").refused

    def test_failure_that_is_swallowed():
        try:
            pytest.fail("x")
        except BaseException:
            pass

    def test_raise_that_is_swallowed(bench):
        try:
            if bench:
                raise AssertionError(bench)
        except AssertionError:
            pass

    def test_assigned_constant():
        assert (number := 5) == 5

    def test_one_or_the_other(bench):
        assert bench or not bench

    def test_anything(bench):
        assert bench == mock.ANY

    def test_own_equality(bench):
        class Seen(list):
            def __eq__(self, other): return True
        seen = Seen()
        assert seen == bench

    def test_another_name_of_one_object():
        answers = [none()]
        seen = answers
        assert seen == answers

    def test_attributes_of_one_object():
        device = mock.Mock()
        device.members = device.known = {1}
        assert device.members == device.known

    def test_coroutine():
        async def answer(): return False
        answered = answer()
        assert answered
        answered.close()

    def test_pattern_that_matches_everything(bench):
        assert re.search("x*", bench)

    def test_good_pattern(bench):
        assert re.match("[lr]", bench) and re.search("t$", bench)

    def test_good_whose_call_and_property_are_asked_once(bench):
        asked = []
        class Device:
            @property
            def status(self):
                asked.append("status")
                return len(bench)
            @property
            def left(self):
                asked.append("left")
                return [bench]
        def device():
            asked.append("device")
            return Device()
        assert device().status == len(bench)
        found = device()
        assert found.status == len(bench)
        assert all(one for one in found.left)
        assert found.left
        assert asked == ["device", "status", "device", "status", "left", "left"]

    def test_good_assigned():
        assert (number := len(none())) == 0

    def test_good_fail_after_a_caught_error():
        try:
            none().index(1)
        except ValueError:
            pass
        else:
            pytest.fail("found")

    def test_good_asked_twice():
        assert none() == none()

    def test_good_two_equal_lists():
        answers, expected = [none()], [none()]
        assert answers == expected

    def test_good_equal_numbers_are_one_object(bench):
        size, expected = len(bench), 0 + len(bench)
        assert size == expected

    def test_good_length(bench):
        assert len(bench) > 0

    def test_good_or(bench):
        assert bench == "left" or bench == "right"

    def test_good_value_of_a_mock(bench):
        device = mock.Mock(size=len(bench))
        assert device.size > 3

    def test_good_flag_in_a_loop():
        found = True
        for name in ("a", "b"):
            if not name:
                found = False
        assert found

    def test_good_flag_after_a_step():
        ok = False
        try:
            none()
            ok = True
        finally:
            assert ok

    def test_good_list_that_a_callee_fills():
        seen = []
        fill(seen)
        assert seen

    def test_good_closure():
        count = 0
        def more():
            nonlocal count
            count += 1
        more()
        assert count == 1

    def fill(seen):
        seen.append(1)

    def test_good_fail_in_a_loop():
        for name in ("a", "b"):
            if name in none():
                pytest.fail(name)

    def test_good_fail_after_a_way_out():
        for attempt in range(3):
            if not none():
                return
        pytest.fail("never")

    def test_good_raise_after_try():
        try:
            number = len(none())
        except ValueError:
            raise AssertionError("no number") from None

    def test_good_list():
        wrong = []
        for name in ("a", "b"):
            if not name:
                wrong.append(name)
        assert not wrong

    def test_good_empty_answer():
        pending = set(none())
        assert not pending
        assert none() == []

    def test_good_raises():
        with pytest.raises(KeyError):
            TABLE["nothing"]

    def test_good_pytest_fail():
        if none():
            pytest.fail("there is something")

    def test_good_helper():
        compare(len(TABLE))

    def compare(number):
        assert number == 0

    def test_good_told_judgement():
        judged()

    def test_good_demand():
        demand(True, "it is there")

    @pytest.mark.requirement("TST-REC-07")
    def test_good_record(bench, observations):
        observations.record("answer", bench)

    @pytest.mark.parametrize("number", [1, 2])
    def test_good_parameter(bench, number):
        assert number

    class TestOldGood(unittest.TestCase):
        def test_good_it(self):
            self.assertEqual(len(NAMES), 0)
"""
