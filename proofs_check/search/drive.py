"""How hypothesis is driven from a program rather than from a test: nothing stored, nothing printed, no deadline."""

import contextlib
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, errors, settings


def quiet(examples: int) -> Any:
    """Settings of a search with that many examples."""
    return settings(
        max_examples=examples, database=None, deadline=None, derandomize=False, report_multiple_bugs=False,
        print_blob=False, verbosity=Verbosity.quiet, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip


def run_examples(example: Callable[[], None], found: type[Exception]) -> None:
    """Run a function decorated with @given; that it found something, or ran out of time shrinking it, is no error."""
    with contextlib.suppress(found, errors.Flaky):
        example()
