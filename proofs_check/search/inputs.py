"""Search for counterexamples to claims about the inputs alone.

Draw random inputs and check each exactly. If none refutes the claim, ascend its score from random starts, round the
best points to integers and check those exactly. Shrink the first counterexample.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import seed as seeded

from proofs_check.lemma import DataClaim, Proof
from proofs_check.search.ascent import ascend
from proofs_check.search.drive import OutOfTime, heed_interrupt, quiet, run_examples
from proofs_check.search.exact import Rows, shrink, size, snap
from proofs_check.search.strategies import configurations, unit_rows

_BATCH = 8  # starts of one call of `ascend`; fixed, so that each shape is compiled once
_ROUNDED_PER_BATCH = 3  # the points of each batch with the best scores, which are rounded to integers
_SHAPES = (
    (6, 2),
    (3, 2),
    (2, 2),
    (8, 3),
    (4, 2),
    (6, 3),
    (8, 2),
    (3, 3),
)  # (n, d) of each batch in turn


class _Counterexample(Exception):
    """Failure raised at a counterexample, so that hypothesis looks for a smaller one."""


@dataclass
class Attempt:
    """Record of a search: the examples and ascents, the best score, and why the search ended.

    Attributes:
        examples: number of configurations that were drawn and checked exactly.
        ascents: number of starts of gradient ascent on the score.
        best_score: the largest score, above 0 for a violation; -inf if no score was computed.
        best_rows: the configuration with that score.
        undecided: number of configurations that the exact check could not decide.
        stop_reason: why the search ended before its budget was used, or "".
        errors: number of checks that raised.
        first_error: the message of the first of them.
    """

    examples: int = 0
    ascents: int = 0
    best_score: float = -np.inf
    best_rows: tuple[tuple[float, ...], ...] = ()
    undecided: int = 0
    stop_reason: str = ""
    errors: int = 0
    first_error: str = ""


@dataclass
class _ExactCheck:
    """Exact check of configurations, which decides each one only once."""

    claim: DataClaim
    attempt: Attempt
    proofs: dict[Rows, Proof] = field(default_factory=dict)

    def proof(self, rows: Rows) -> Proof:
        if rows not in self.proofs:
            proof = self.claim.confirm(rows)
            self.attempt.undecided += proof.decided is None
            self.proofs[rows] = proof
        return self.proofs[rows]

    def refuted(self, rows: Rows) -> bool:
        return self.proof(rows).decided is False


def search_inputs(
    claim: DataClaim, examples: int, ascents: int, seconds: float, seed: int, say: Callable[[str], None]
) -> tuple[Attempt, Rows | None, Proof | None, dict[str, Any]]:
    """Look for inputs that refute a claim.

    Args:
        claim: the claim to attack.
        examples: number of configurations that hypothesis draws, each checked exactly.
        ascents: number of starts of gradient ascent on the score, if no example refutes the claim.
        seconds: time after which no new step begins.
        seed: fixes every random choice.
        say: called with a line of progress.

    Returns:
        The record of the search, the shrunk counterexample or None, its proof or None, and its origin for the witness.
    """
    end = time.monotonic() + seconds
    attempt = Attempt()
    check = _ExactCheck(claim, attempt)
    sampled: list[Rows] = []
    rows, how = _draw(check, examples, seed, end, sampled), "draw"
    if rows is None:
        say(f"no counterexample in {attempt.examples} examples")
        rows, how = _climb(check, sampled, ascents, seed, end, say), "ascent"
    if rows is None:
        return attempt, None, None, {}
    say(f"counterexample by {how}, {len(rows)} rows in {len(rows[0])} dimensions; shrinking")
    smallest = shrink(rows, check.refuted)
    origin: dict[str, Any] = {"by": how, "seed": seed, "examples": attempt.examples, "ascents": attempt.ascents}
    origin["before shrinking"] = [list(map(str, row)) for row in rows]
    return attempt, smallest, check.proof(smallest), origin


def _draw(check: _ExactCheck, examples: int, seed: int, end: float, sampled: list[Rows]) -> Rows | None:
    """Draw configurations with hypothesis, store them in `sampled`, and return the simplest counterexample or None."""
    counterexamples: list[Rows] = []
    if examples == 0:
        return None

    @seeded(seed)
    @quiet(examples)
    @given(configurations())
    def example(rows: Rows) -> None:
        heed_interrupt()
        if time.monotonic() > end:
            check.attempt.stop_reason = "out of time"
            raise OutOfTime
        if not counterexamples:
            check.attempt.examples += 1
            sampled.append(rows)
        if check.refuted(rows):
            counterexamples.append(rows)
            raise _Counterexample

    run_examples(example, _Counterexample)
    return min(counterexamples, key=size) if counterexamples else None


def _climb(
    check: _ExactCheck, sampled: list[Rows], ascents: int, seed: int, end: float, say: Callable[[str], None]
) -> Rows | None:
    """Ascend the score in batches of starts and return the first rounded point that refutes the claim, or None."""
    attempt, rng = check.attempt, np.random.default_rng(seed)
    for round_number, (n, d) in enumerate(_SHAPES * (1 + ascents // (_BATCH * len(_SHAPES)))):
        count = min(_BATCH, ascents - attempt.ascents)
        if count <= 0:
            return None
        if time.monotonic() > end:
            attempt.stop_reason = "out of time"
            return None
        starts = rng.standard_normal((_BATCH, n, d))
        same_shape = [rows for rows in sampled if (len(rows), len(rows[0])) == (n, d)]
        # up to half of the starts are sampled examples plus a small perturbation; the others are uniform on the spheres
        for slot in range(min(len(same_shape), _BATCH // 2)):
            starts[slot] = np.array(unit_rows(same_shape[rng.integers(len(same_shape))])) + 0.05 * starts[slot]
        points, scores = ascend(check.claim.score, starts, seed=seed + round_number)
        points, scores = points[:count], scores[:count]
        attempt.ascents += count
        for i in np.argsort(-scores, kind="stable")[:_ROUNDED_PER_BATCH]:
            if not np.isfinite(points[i]).all() or scores[i] == -np.inf:
                continue
            if scores[i] > attempt.best_score:
                attempt.best_score = float(scores[i])
                attempt.best_rows = tuple(map(tuple, points[i].tolist()))
            for rows in snap(points[i]):
                if time.monotonic() > end:
                    break
                if check.refuted(rows):
                    return rows
        say(f"{attempt.ascents} ascents; closest score {attempt.best_score:.6g}")
    return None
