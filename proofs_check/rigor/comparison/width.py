"""The width from which the convergence theorem of a method is proved, for all networks but a share delta."""

from proofs_check.rigor.comparison.events import Draw
from proofs_check.rigor.comparison.problem import Problem
from proofs_check.rigor.comparison.proof import Closing, closes


def least_width(problem: Problem, delta: float, antisymmetric: bool = False, most: float = 2.0**49) -> Closing:
    """Find a width at which the theorem is proved, within 1 % of one at which it is not.

    Args:
        problem: dataset and method.
        delta: failure probability.
        antisymmetric: True for antisymmetric pairs of neurons.
        most: the largest width to try.

    Returns:
        The Closing of that width; of `most` if no width up to it was found to suffice.

    Cost: about 20 calls of `closes`.
    """

    def at(log: float) -> Closing:
        width = min(int(10**log), int(most))
        return closes(problem, Draw(width + width % 2, antisymmetric), delta)

    high = 2.0
    found = at(high)
    while not found.closes and 10**high < most:
        high += 1
        found = at(high)
    low = high - 1
    while found.closes and high - low > 0.004 and high > 0.3:
        middle = (low + high) / 2
        attempt = at(middle)
        low, high, found = (low, middle, attempt) if attempt.closes else (middle, high, found)
    return found
