"""Slack: loss of each link of the proof of the contraction theorem on a run, in orders of magnitude (docs/slack.md)."""

from dataclasses import replace

import numpy as np

from nag_ntk.run.labelled import labels
from proofs_check.lemma import Run
from proofs_check.lemma.selection import select
from proofs_check.slack import draw, linear, training
from proofs_check.slack.chain import SlackRow

SEEDS = 16
"""Number of seeds, from the first, in the chains about training; means over so many vary by a few hundredths."""

__all__ = ["SEEDS", "SlackRow", "slack_rows", "slack_table"]


def slack_table(run: Run, method: int | None = None) -> tuple[SlackRow, ...]:
    """Measure the loss of each link of the proof on a run, in orders of magnitude.

    Args:
        run: a simulated run of any width and dataset; of at least one step if a method is given.
        method: position of the method on axis k, for the chains about its training; None for the chains about the draw
            of the networks.

    Returns:
        Rows by step of the proof: "initial residual", "concentration" and "width" for the draw; "distance",
        "sharp distance", "flips", "remainder", "deviation", "prefactor" and "rate" for a method. If a loss does not
        exist (no theorem, no flips, a diverged run), `lost` is None and `reason` says why. A flip is a (neuron, sample)
        pair whose activation differs from that at step 0.

    Raises:
        ValueError: for a method of a run without steps.

    Cost: of the order of one check of `remainder-bound` on SEEDS seeds.

    Example:
        >>> from nag_ntk import gradient_descent, simulate, sphere
        >>> data, method = sphere(3, 2), gradient_descent(0.1)
        >>> run = Run("a", data, (method,), simulate(data, method, 64, 8, 0, dtype="float32"), 0.1)
        >>> [row.what for row in slack_table(run) if row.step == "initial residual"]
        ['Markov / quantile', 'quantile / typical']
    """
    if method is None:
        return (*draw.initial_residual(run), *draw.concentration(run), *draw.width(run))
    if run.trajectory.steps == 0:
        raise ValueError("a run without steps has nothing to say of training")
    part = select(run, range(min(SEEDS, len(run.trajectory.seeds))), [method])
    chosen = part.methods[0]
    # seeds of diverging runs overflow and are left out; the rows say so
    with np.errstate(over="ignore", invalid="ignore"):
        return (
            *training.distance(part), *training.sharp_distance(part), *training.flips(part),
            *training.remainder_bound(part), *training.deviation(part),
            *linear.prefactor(part, chosen), *linear.rate(part, chosen),
        )  # fmt: skip


def slack_rows(run: Run) -> tuple[SlackRow, ...]:
    """Return all rows of a run: those about the draw, then those of every method; none for a run without steps."""
    if run.trajectory.steps == 0:
        return ()
    rows = list(_table(run, None))
    for k, label in enumerate(labels(run.methods)):  # as in the stored trajectories
        if not run.methods[k].in_family:  # no link of the proof speaks of it
            continue
        rows += [replace(row, method=label) for row in _table(run, k)]
    return tuple(rows)


def _table(run: Run, method: int | None) -> tuple[SlackRow, ...]:
    """Return the slack_table, or one row with the reason why it fails, so that a failure here costs no verdict."""
    try:
        return slack_table(run, method)
    except Exception as error:
        reason = f"could not be computed: {type(error).__name__}: {error}"
        return (SlackRow(run.name, "", "chain", "all links", None, None, None, None, None, 0, False, "", reason),)
