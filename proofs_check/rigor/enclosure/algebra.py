"""The polynomial identities that the power bounds use, checked exactly.

An identity left = right holds if the difference is the zero polynomial. The gaps 4c - a^2 are computed from the
function `block` of the tunings, so the identities are about the code that the other proofs use.
"""

from collections.abc import Iterator
from typing import NamedTuple

from flint import fmpq_mpoly, fmpq_mpoly_ctx

from proofs_check.rigor.enclosure.tuning import HEAVY_BALL, NESTEROV


class Identity(NamedTuple):
    """A claimed equality of two polynomials with rational coefficients."""

    name: str
    left: fmpq_mpoly
    right: fmpq_mpoly

    @property
    def holds(self) -> bool:
        """True if the difference is exactly zero."""
        return bool((self.left - self.right).is_zero())


def gap_identities() -> tuple[Identity, ...]:
    """Derive the closed forms of the gap 4c - a^2 of the two momentum methods.

    Heavy ball, with z = s^2 so that no root occurs: 4c - a^2 = -(beta - (1 - s)^2) (beta - (1 + s)^2) = h(beta, z).
    Nesterov: 4c - a^2 = 4 beta (1 - z) - ((1 + beta) (1 - z))^2 = g(beta, z), which has the factor 1 - z.

    Returns:
        Three identities in beta, z and s.

    Accuracy:
        Exact.

    Source:
        derived.

    Example:
        >>> [item.holds for item in gap_identities()]
        [True, True, True]
    """
    beta, z, s = fmpq_mpoly_ctx.get(("beta", "z", "s"), "lex").gens()
    gaps = []
    for tuning, argument in ((HEAVY_BALL, s * s), (NESTEROV, z)):
        a, c = tuning.block(beta, argument)
        gaps.append(4 * c - a * a)
    polyak, nesterov = gaps
    return (
        Identity("heavy ball: 4c - a^2 = h", polyak, -(beta - (1 - s) ** 2) * (beta - (1 + s) ** 2)),
        Identity("Nesterov: 4c - a^2 = g", nesterov, 4 * beta * (1 - z) - ((1 + beta) * (1 - z)) ** 2),
        Identity("Nesterov: g has the factor 1 - z", nesterov, (1 - z) * (4 * beta - (1 + beta) ** 2 * (1 - z))),
    )


def form_identities() -> tuple[Identity, ...]:
    """Prove the invariant form q(x) = x^2 - a x y + c y^2 of B = [[a, -c], [1, 0]], and its two bounds.

    q(B(x, y)) = c q(x, y); 4 (1 + c) q - (4c - a^2) (x^2 + y^2) is a sum of squares; 4 ((1 + c) (x^2 + y^2) - q) is a
    square plus (4c - a^2) x^2. So for 4c >= a^2, (4c - a^2) |x|^2 / (4 (1 + c)) <= q(x) <= (1 + c) |x|^2.

    Returns:
        Three identities in a, c, x and y.

    Accuracy:
        Exact.

    Source:
        derived.

    Example:
        >>> [item.holds for item in form_identities()]
        [True, True, True]
    """
    a, c, x, y = fmpq_mpoly_ctx.get(("a", "c", "x", "y"), "lex").gens()

    def q(first: fmpq_mpoly, second: fmpq_mpoly) -> fmpq_mpoly:
        return first * first - a * first * second + c * second * second

    square, gap = x * x + y * y, 4 * c - a * a
    return (
        Identity("invariance: q(Bx) = c q(x)", q(a * x - c * y, x), c * q(x, y)),
        Identity(
            "lower bound: 4 (1 + c) q - (4c - a^2) |x|^2 is a sum of squares",
            4 * (1 + c) * q(x, y) - gap * square,
            (2 * x - a * y) ** 2 + (a * x - 2 * c * y) ** 2,
        ),
        Identity(
            "upper bound: 4 (1 + c) |x|^2 - 4 q is a square plus (4c - a^2) x_1^2",
            4 * (1 + c) * square - 4 * q(x, y),
            (2 * y + a * x) ** 2 + gap * x * x,
        ),
    )


def power_identities() -> tuple[Identity, ...]:
    """Prove the induction steps of the closed form of B^k, for complex, double and real eigenvalues.

    With p_0 = 0, p_1 = 1, p_{k+1} = a p_k - c p_{k-1}: B^k = p_k B - c p_{k-1} I, entry by entry. At 4c = a^2, a = 2 m:
    p_k = k m^{k-1} (here e is m^{k-2}). With eigenvalues v, w, a = v + w, c = v w: (v - w) p_k = v^k - w^k (here e, f
    are v^{k-1}, w^{k-1}) and p_{k+1} - v p_k = w^k (here e, f are p_k, p_{k-1}), whence |p_k| <= k r^{k-1} for every
    pair, r its larger modulus. For a complex pair (2 p_{k+1} - a p_k)^2 + (4c - a^2) p_k^2 is multiplied by c from k to
    k + 1, hence is 4 c^k.

    Returns:
        The identities; the induction starts at k = 0 and 1 are immediate.

    Accuracy:
        Exact.

    Source:
        derived.

    Example:
        >>> len(power_identities()), all(item.holds for item in power_identities())
        (8, True)
    """
    return (*_cayley_hamilton(), *_closed_forms())


def _cayley_hamilton() -> Iterator[Identity]:
    a, c, p, o = fmpq_mpoly_ctx.get(("a", "c", "p", "o"), "lex").gens()
    one, zero = o**0, 0 * o
    block = ((a, -c), (one, zero))
    power = tuple(tuple(p * block[i][j] - c * o * int(i == j) for j in (0, 1)) for i in (0, 1))
    next_p = a * p - c * o
    for i in (0, 1):
        for j in (0, 1):
            product = power[i][0] * block[0][j] + power[i][1] * block[1][j]
            claimed = next_p * block[i][j] - c * p * int(i == j)
            yield Identity(f"B^(k+1) = p_(k+1) B - c p_k I, entry {i + 1}{j + 1}", product, claimed)
    level = (2 * next_p - a * p) ** 2 + (4 * c - a * a) * p * p
    before = (2 * p - a * o) ** 2 + (4 * c - a * a) * o * o
    yield Identity("complex pair: (2 p_(k+1) - a p_k)^2 + (4c - a^2) p_k^2 grows by c", level, c * before)


def _closed_forms() -> Iterator[Identity]:
    k, m, v, w, e, f = fmpq_mpoly_ctx.get(("k", "m", "v", "w", "e", "f"), "lex").gens()
    yield Identity("double: p_(k+1) = (k + 1) m^k", 2 * m * (k * m * e) - m * m * ((k - 1) * e), (k + 1) * m * m * e)
    step = (v + w) * (v * e - w * f) - v * w * (e - f)
    yield Identity("distinct: (v - w) p_(k+1) = v^(k+1) - w^(k+1)", step, v * v * e - w * w * f)
    yield Identity("every pair: p_(k+1) - v p_k grows by w", (v + w) * e - v * w * f - v * e, w * (e - v * f))


def identities() -> tuple[Identity, ...]:
    """Return all identities that the power bounds of the momentum methods use.

    Example:
        >>> [item.name for item in identities() if not item.holds]
        []
    """
    return gap_identities() + form_identities() + power_identities()
