"""Small networks as exact numbers, for the tests of their certificates."""

from fractions import Fraction

from hypothesis import strategies as st

from proofs_check.rigor.certificates.problem import Problem
from proofs_check.rigor.certificates.prove import NotProved, prove

METHODS = {
    "gradient descent": (Fraction(1, 2), Fraction(0), Fraction(0)),
    "heavy ball": (Fraction(1, 2), Fraction(3, 5), Fraction(0)),
    "nesterov": (Fraction(1, 3), Fraction(3, 5), Fraction(3, 5)),
    "strong look-ahead": (Fraction(1, 3), Fraction(1, 5), Fraction(4, 5)),
    "nesterov, overdamped": (Fraction(1, 2), Fraction(1, 10), Fraction(1, 10)),
}


INPUTS = ((Fraction(3, 5), Fraction(4, 5)), (Fraction(1), Fraction(0)), (Fraction(-5, 13), Fraction(12, 13)))


sixteenths = st.integers(-24, 24).map(lambda k: Fraction(k, 16))


@st.composite
def problems(draw, width=9, starts=("gradient", "extrapolated", "state"), methods=tuple(METHODS)):
    rows = st.tuples(*[st.tuples(sixteenths, sixteenths)] * width)
    weights, start = draw(rows), draw(st.sampled_from(starts))
    move = draw(st.sampled_from([Fraction(0), Fraction(1, 1000), Fraction(1, 50)]))
    before = tuple(tuple(x + move for x in row) for row in weights) if start == "state" else None
    return Problem(
        INPUTS, draw(st.tuples(sixteenths, sixteenths, sixteenths)), weights,
        draw(st.tuples(*[st.sampled_from([-1, 1])] * width)), *METHODS[draw(st.sampled_from(methods))], start, before,
    )  # fmt: skip


def network(width=16, method="nesterov", seed=1):
    """A network that locks in after a few flips."""
    state, weights, signs = seed, [], []
    for _ in range(width):
        row = []
        for _ in range(3):
            state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            row.append(((state >> 40) / (1 << 24) - 0.5) * 4)
        weights.append((row[0], row[1]))
        signs.append(1 if row[2] > 0 else -1)
    return Problem(INPUTS, (0.5, -0.25, 1.0), tuple(weights), tuple(signs), *METHODS[method])


def attempt(problem):
    try:
        return prove(problem, 2000)
    except NotProved:
        return None


SLIDING = network(16, "gradient descent", 18)


GOOD = network(seed=10)  # locks in at step 24 of 50, after 7 flips
