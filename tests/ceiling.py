"""A limit on the time of every single test, which .ci/run sets for the plain run."""

from collections import Counter

import pytest


class Ceiling:
    """A plugin of pytest that fails the run when a test, its fixtures included, takes longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.spent: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report):
        self.spent[report.nodeid] += report.duration

    def above(self) -> list[tuple[str, float]]:
        """Tests above the limit with their seconds, the longest first."""
        return [(name, spent) for name, spent in self.spent.most_common() if spent > self.seconds]

    def pytest_sessionfinish(self, session):
        if self.above() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for name, spent in self.above():
            terminalreporter.write_line(f"{spent:.0f} s, more than the {self.seconds:g} s a test may take: {name}")
