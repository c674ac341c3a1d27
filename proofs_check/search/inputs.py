"""The search on claims about the inputs alone: draw, confirm exactly, climb, snap to integers, confirm, shrink."""

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

_BATCH = 8  # starts that climb together; fixed, so that a shape is compiled once
_SNAPPED = 3  # of each batch, those that came closest
_SHAPES = ((6, 2), (3, 2), (2, 2), (8, 3), (4, 2), (6, 3), (8, 2), (3, 3))  # where random starts climb


class _Found(Exception):
    """The signal that ends an example of hypothesis, which then looks for a smaller one."""


@dataclass
class Attempt:
    """The record of a search: the work that was done, and how close it came.

    Attributes:
        examples: configurations drawn and confirmed exactly.
        ascents: starts from which the score was climbed.
        closest: the largest score met, -inf if none; its configuration is `closest_rows`.
        undecided: configurations that the exact check could not decide.
        stopped: why it ended before its budget was used, or "".
        errors: checks that raised; `first_error` says what.
    """

    examples: int = 0
    ascents: int = 0
    closest: float = -np.inf
    closest_rows: tuple[tuple[float, ...], ...] = ()
    undecided: int = 0
    stopped: str = ""
    errors: int = 0
    first_error: str = ""


@dataclass
class _Memory:
    """Exact decisions, each computed once."""

    claim: DataClaim
    attempt: Attempt
    decided: dict[Rows, Proof] = field(default_factory=dict)

    def proof(self, rows: Rows) -> Proof:
        if rows not in self.decided:
            proof = self.claim.confirm(rows)
            self.attempt.undecided += proof.decided is None
            self.decided[rows] = proof
        return self.decided[rows]

    def refuted(self, rows: Rows) -> bool:
        return self.proof(rows).decided is False


def search_inputs(
    claim: DataClaim, examples: int, ascents: int, seconds: float, seed: int, say: Callable[[str], None]
) -> tuple[Attempt, Rows | None, Proof | None, dict[str, Any]]:
    """Look for inputs that refute a claim.

    Args:
        claim: what to attack.
        examples: configurations that hypothesis draws, each confirmed exactly.
        ascents: starts of gradient ascent on the score, if nothing was found among the examples.
        seconds: time after which no new step begins.
        seed: fixes every random choice.
        say: called with a line of progress.

    Returns:
        What was done, the shrunk witness or None, its proof, and how it was found.
    """
    end = time.monotonic() + seconds
    attempt = Attempt()
    memory = _Memory(claim, attempt)
    drawn: list[Rows] = []
    rows, how = _draw(memory, examples, seed, end, drawn), "draw"
    if rows is None:
        say(f"no counterexample in {attempt.examples} examples")
        rows, how = _climb(memory, drawn, ascents, seed, end, say), "ascent"
    if rows is None:
        return attempt, None, None, {}
    say(f"counterexample by {how}, {len(rows)} rows in {len(rows[0])} dimensions; shrinking")
    small = shrink(rows, memory.refuted)
    origin = {"by": how, "seed": seed, "examples": attempt.examples, "ascents": attempt.ascents}
    return attempt, small, memory.proof(small), {**origin, "before shrinking": [list(map(str, row)) for row in rows]}


def _draw(memory: _Memory, examples: int, seed: int, end: float, drawn: list[Rows]) -> Rows | None:
    """Return the simplest counterexample that hypothesis drew, or None."""
    best: list[Rows] = []
    if examples == 0:
        return None

    @seeded(seed)
    @quiet(examples)
    @given(configurations())
    def example(rows: Rows) -> None:
        heed_interrupt()
        if time.monotonic() > end:
            memory.attempt.stopped = "out of time"
            raise OutOfTime
        if not best:
            memory.attempt.examples += 1
            drawn.append(rows)
        if memory.refuted(rows):
            best.append(rows)
            raise _Found

    run_examples(example, _Found)
    return min(best, key=size) if best else None


def _climb(
    memory: _Memory, drawn: list[Rows], ascents: int, seed: int, end: float, say: Callable[[str], None]
) -> Rows | None:

    attempt, rng = memory.attempt, np.random.default_rng(seed)
    for round_number, (n, d) in enumerate(_SHAPES * (1 + ascents // (_BATCH * len(_SHAPES)))):
        count = min(_BATCH, ascents - attempt.ascents)
        if count <= 0:
            return None
        if time.monotonic() > end:
            attempt.stopped = "out of time"
            return None
        starts = rng.standard_normal((_BATCH, n, d))
        alike = [rows for rows in drawn if (len(rows), len(rows[0])) == (n, d)]
        # half of the starts are examples, stirred a little; the rest is uniform on the spheres
        for slot in range(min(len(alike), _BATCH // 2)):
            starts[slot] = np.array(unit_rows(alike[rng.integers(len(alike))])) + 0.05 * starts[slot]
        points, scores = ascend(memory.claim.score, starts, seed=seed + round_number)
        points, scores = points[:count], scores[:count]
        attempt.ascents += count
        for i in np.argsort(-scores, kind="stable")[:_SNAPPED]:
            if not np.isfinite(points[i]).all() or scores[i] == -np.inf:
                continue
            if scores[i] > attempt.closest:
                attempt.closest = float(scores[i])
                attempt.closest_rows = tuple(map(tuple, points[i].tolist()))
            for rows in snap(points[i]):
                if time.monotonic() > end:
                    break
                if memory.refuted(rows):
                    return rows
        say(f"{attempt.ascents} ascents; closest score {attempt.closest:.6g}")
    return None
