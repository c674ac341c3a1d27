"""gram-separation: a lower bound on lambda_0 in terms of the separation delta of the lines through the inputs.

Decided in ball arithmetic for the inputs at hand; docs/theory/gram-separation.md proves the sharp form for all.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
from flint import arb, ctx, fmpq, fmpz_mat

from nag_ntk.parallel import CURE, ParallelRow, in_words
from proofs_check.lemma import Claim, Control, DataClaim, Lemma, NotApplicable, Proof, Run
from proofs_check.rigor.enclosure import enclose_extreme_eigenvalues, float_above, float_below, primitive_rows

_BITS = 128
_PAIR = {"dataset": {"source": "pairs", "pairs": 1, "angle": 0.01, "dimension": 2}}
_ARC = tuple((100, k) for k in (-1, 0, 1))  # lambda_0/delta is about 1/(3 pi) = 0.106
_ANTIPODAL = tuple((s * x, s * y) for x, y in ((1, 0), (3, 4), (5, 12)) for s in (1, -1))

Row = tuple[int, ...]
Factor = Callable[[int], Fraction]
"""n -> c, for the claim lambda_0 >= c delta."""


def _paper(n: int) -> Fraction:
    return Fraction(1, 100 * n * n)


def _sharp(n: int) -> Fraction:
    return Fraction(1, 10 * n * (n - 1))


def separation(inputs, one_sided: bool = False) -> tuple[float, float]:
    """Bound delta = min over pairs of min(|x_i - x_j|, |x_i + x_j|), x_i the unit vectors on the given rays.

    With g = p_i.p_j and s^2 = |p_i|^2 |p_j|^2 - g^2 exact integers, |x_i -+ x_j| = 2 sin(atan2(s, +-g) / 2): nothing
    cancels, however small the angle is.

    Args:
        inputs: n >= 2 rows, taken as exact rationals, of any length but 0.
        one_sided: leave |x_i + x_j| out.

    Returns:
        (low, high), rounded outwards; both 0 exactly when rows are parallel (one_sided: on one ray).

    Raises:
        ValueError: for bad rows, or fewer than two.

    Example:
        >>> separation([[3, 4], [4, 3], [-5, 0]])
        (0.2828427124746190, 0.2828427124746190)
        >>> separation([[1, 0], [-2, 0]]), separation([[1, 0], [-2, 0]], one_sided=True)
        ((0.0, 0.0), (2.0, 2.0))
    """
    rows = primitive_rows(inputs)
    if len(rows) < 2:
        raise ValueError("delta is a minimum over pairs of inputs; one input has none")
    integers = fmpz_mat([list(row) for row in rows])
    products = (integers * integers.transpose()).tolist()
    low = high = float("inf")
    with ctx.workprec(_BITS):
        for i, j in combinations(range(len(rows)), 2):
            inner = products[i][j]
            sine_squared = products[i][i] * products[j][j] - inner * inner
            if sine_squared == 0:
                distance = arb(2 if one_sided and inner < 0 else 0)
            else:
                cosine = arb(inner if one_sided else abs(inner))
                distance = 2 * (arb.atan2(arb(sine_squared).sqrt(), cosine) / 2).sin()
            low, high = min(low, float_below(distance)), min(high, float_above(distance))
    return low, high


def _parallel(rows: Sequence[Row], one_sided: bool) -> list[ParallelRow]:
    """Find the primitive rows that are equal or (unless one_sided) opposite to an earlier one, exactly."""
    first: dict[Row, int] = {}
    found = []
    for index, row in enumerate(rows):
        opposite = tuple(-value for value in row)
        if row in first:
            found.append(ParallelRow(index, first[row], False))
        elif opposite in first and not one_sided:
            found.append(ParallelRow(index, first[opposite], True))
        else:
            first[row] = index
    return found


def _decide(inputs, factor: Factor, one_sided: bool = False) -> Proof | NotApplicable:
    """Decide lambda_0 >= c delta in ball arithmetic, for inputs that are exact rationals."""
    rows = primitive_rows(inputs)
    n = len(rows)
    if n < 2:
        return NotApplicable("a single input has no other to keep a distance from")
    low, high = separation(rows, one_sided)
    if low == 0:
        alike = "equal" if one_sided else "equal or antipodal"
        return NotApplicable(
            f"two inputs are {alike}, so delta = 0 and the bound says lambda_0 >= 0; "
            f"{in_words(_parallel(rows, one_sided))}: {CURE}"
        )
    spectrum = enclose_extreme_eigenvalues(rows)
    constant = factor(n)
    with ctx.workprec(_BITS):
        scale = arb(fmpq(constant.numerator, constant.denominator))
        least, most = float_below(scale * arb(low)), float_above(scale * arb(high))
    top, bottom = spectrum.lambda_min_high, spectrum.lambda_min_low
    decided = True if bottom >= most else False if top < least else None
    numbers = f"lambda_0 in [{bottom:.6g}, {top:.6g}], delta = {low:.6g}, bound {least:.6g}"
    if decided and bottom > 0:
        reason = f"lambda_0 is {bottom / most:.4g} times the bound; {numbers}"
    elif decided is False:
        reason = f"lambda_0 is below the bound, at most {top / least:.6g} times it; {numbers}"
    else:
        reason = f"no sign at {spectrum.precision} bits; {numbers}"
    witness: dict[str, Any] = {}
    if decided is False:
        witness = {"rows": n} if spectrum.witness is None else {"kernel vector": str(spectrum.witness)}
    evidence = {"lambda_0": [bottom, top], "delta": [low, high], "c": str(constant), "n": n}
    # the ends that the decision rests on
    sides = (top, least) if decided is False else (bottom, most)
    return Proof(decided, *sides, reason, witness, evidence, ">=")


def _confirm(rows, factor: Factor, one_sided: bool = False) -> Proof:
    evidence = _decide(rows, factor, one_sided)
    return Proof(True, 0.0, 0.0, evidence.reason) if isinstance(evidence, NotApplicable) else evidence


def _score(inputs, factor: Factor, one_sided: bool = False):
    """Compute log(c delta / lambda_0), positive at a violation; lambda_0 includes the bound on its rounding error."""
    n = inputs.shape[0]
    if n < 2:
        return -jnp.inf * jnp.ones(())
    upper = jnp.triu(jnp.ones((n, n), bool), 1)

    def lengths(sign):
        squares = jnp.sum((inputs[:, None, :] - sign * inputs[None, :, :]) ** 2, axis=-1)
        # the root has no derivative at 0, which the diagonal would bring in everywhere
        return jnp.sqrt(jnp.where(upper & (squares > 0), squares, 1.0)) * (upper & (squares > 0))

    difference, total = lengths(1.0), lengths(-1.0)
    theta = 2 * jnp.arctan2(difference, jnp.where(upper, total, 1.0))
    entries = jnp.where(upper, (inputs @ inputs.T) * (jnp.pi - theta) / (2 * jnp.pi), 0.0)
    gram = entries + entries.T + 0.5 * jnp.eye(n)
    vector = jax.lax.stop_gradient(jnp.linalg.eigh(gram)[1][:, 0])
    least = vector @ gram @ vector  # its derivative is that of lambda_0 where that is simple
    noise = n * n * 2.0**-52
    shortest = difference if one_sided else jnp.minimum(difference, total)
    delta = jnp.min(jnp.where(upper, shortest, jnp.inf))
    tiny = 1e-300
    return jnp.log(float(factor(n)) * delta + tiny) - jnp.log(jnp.maximum(least, 0.0) + noise)


def _claim(factor: Factor, one_sided: bool = False) -> DataClaim:
    return DataClaim(
        score=lambda inputs: _score(inputs, factor, one_sided),
        confirm=lambda rows: _confirm(rows, factor, one_sided),
    )


def _check(run: Run) -> dict[str, Proof | NotApplicable]:
    return {name: _decide(run.data.inputs, factor) for name, factor in (("paper-form", _paper), ("sharp", _sharp))}


def _third(n: int) -> Fraction:
    return Fraction(1, 3 * n * (n - 1))


def _eighth(n: int) -> Fraction:
    return Fraction(1, 8)


GRAM_SEPARATION = Lemma(
    id="gram-separation",
    title="Separated inputs bound lambda_0 from below",
    group="Gram matrix",
    statement="lambda_0 >= delta/(100 n^2) (paper-form); lambda_0 >= delta/(10 n (n-1)) (sharp); "
    "delta = min over i != j of min(|x_i - x_j|, |x_i + x_j|).",
    tex=r"$$\lambda_0 \ge \frac{\delta}{100 n^2} \text{ (paper-form)},\qquad \lambda_0 \ge \frac{\delta}{10 n(n-1)} "
    r"\text{ (sharp)};$$ $\delta = \min_{i\ne j}\min(\Vert x_i - x_j\Vert , \Vert x_i + x_j\Vert )$.",
    hypotheses="n >= 2 inputs of unit norm, no two parallel (otherwise delta = 0 and nothing is said).",
    kind=Claim.INSTANCE,
    source="paper-form: Oymak, Soltanolkotabi 2020, arXiv 1902.04674; sharp: derived",
    provenance="recalled",
    rests_on=("gram-limit",),
    decision="lambda_0 and delta are enclosed in ball arithmetic from the inputs as exact rationals, each put on its ray: "
    "CERTIFIED when the lower end of lambda_0 reaches the upper end of the bound, and the reason gives the slack; "
    "VACUOUS for one input, or when two are parallel.",
    check=_check,
    controls=(
        Control(
            "one-sided",
            "delta from |x_i - x_j| alone (three antipodal pairs in the plane)",
            lambda _: _decide(_ANTIPODAL, _sharp, one_sided=True),
            about_data=_claim(_sharp, one_sided=True),
        ),
        Control(
            "constant",
            "lambda_0 >= delta/(3 n (n-1)), at one near-parallel pair",
            lambda run: _decide(run.data.inputs, _third),
            _PAIR,
            _claim(_third),
        ),
        Control(
            "no-count",
            "lambda_0 >= delta/8 whatever n (three inputs close together in the plane)",
            lambda _: _decide(_ARC, _eighth),
            about_data=_claim(_eighth),
        ),
    ),
    constants="100: recalled. 10: each neuron direction w is paired with its mirror image in x_l^perp; with probability at "
    "least 0.401 delta/(n-1) no other boundary lies between, the feature sum jumps by v_l x_l, and the largest "
    "v_l^2 is at least 1/n: 0.401/4 > 1/10. For a pair with angle theta -> 0, lambda_0/delta -> 1/(2 pi): slack "
    "10/pi = 3.18 (sharp), 200/pi = 63.7 (paper-form). On 4,000 random and near-degenerate sets, n = 2 to 12, the least seen were 3.183 and 63.66. The dependence on n "
    "may be far from sharp: the least lambda_0/delta seen falls from 0.159 (n = 2) to 0.081 (n = 12) only.",
    about_data=_claim(_sharp),
)
