# SPDX-License-Identifier: Apache-2.0
"""A table of names that contradicts the rules is a mistake of the test, and the message says what decides."""

from __future__ import annotations

from tests.bench.mini_suite import MiniSuite, emulated


def test_a_table_that_contradicts_the_rules(mini: MiniSuite) -> None:
    mini.test("""
def test_1(deploy, access):
    listed, free = deploy("allow telemetry", "")
    with pytest.raises(Exception, match="expects status NO_PERMISSION for 'brakes', .* it is OK .there is no list."):
        access.check(free, {"brakes": False})
    access.check(listed, {"telemetry": True, "brakes": True})
""")
    mini.benches(left=emulated())
    assert mini.run().returncode == 2
    assert (
        "under 'allow telemetry', the test expects status OK for 'brakes', and by the documents and the profile it is "
        "NO_PERMISSION (the implied 'deny *' decides)"
    ) in mini.reasons()
