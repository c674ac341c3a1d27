"""The rules of the test suite itself: what a family leaves to the slow run, and the limit on a test's time."""

from types import SimpleNamespace

import pytest
from ceiling import Ceiling
from tiers import family


def test_a_family_keeps_all_its_members_and_marks_those_that_the_plain_run_leaves_out():
    marked = [(p.values, [mark.name for mark in p.marks]) for p in family([1, (2, 3)], lambda case: case == 1)]
    assert marked == [((1,), []), ((2, 3), ["slow"])]
    named = family({"a": 1, "b": 2}, "b".__eq__)
    assert [(p.id, p.values, len(p.marks)) for p in named] == [("a", (1,), 1), ("b", (2,), 0)]


@pytest.mark.parametrize(
    ("seconds", "before", "after"),
    [(2.5, pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), (3.5, pytest.ExitCode.OK, pytest.ExitCode.OK),
     (2.5, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERRUPTED)],
)  # fmt: skip
def test_a_test_above_the_ceiling_fails_the_run_and_is_named(seconds, before, after):
    ceiling, session, lines = Ceiling(seconds), SimpleNamespace(exitstatus=before), []
    for name, duration in (("long", 2.0), ("short", 2.4), ("long", 1.0)):
        ceiling.pytest_runtest_logreport(SimpleNamespace(nodeid=name, duration=duration))
    ceiling.pytest_sessionfinish(session)
    ceiling.pytest_terminal_summary(SimpleNamespace(write_line=lines.append))
    assert session.exitstatus == after
    assert lines == (["3 s, more than the 2.5 s a test may take: long"] if seconds < 3 else [])
