"""The limit Gram matrix H_infinity of exact inputs in ball arithmetic, and exact kernel vectors if it is singular.

The theorems need lambda_0 = lambda_min(H_infinity) > 0. Inputs are exact rationals, so integer arithmetic decides
whether rows are parallel or antipodal, and a singular matrix has an exact kernel vector.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx, fmpz_mat

Inputs = np.ndarray | Sequence[Sequence[Any]]
Row = tuple[int, ...]


class KernelWitness(NamedTuple):
    """An exact kernel vector of H_infinity.

    With p_i the primitive integer vector on the ray of x_i, the kernel vector is v_i = coefficient_i ||p_i||
    for i in `indices` and 0 elsewhere: its direction is exact although the norms may be irrational.
    """

    kind: str
    indices: tuple[int, ...]
    coefficients: tuple[int, ...]


def primitive_rows(inputs: Inputs) -> list[Row]:
    """Replace each row by the primitive integer vector on its ray, exactly.

    H_infinity depends only on the rays of the inputs, so the replacement does not change it, and no norm is rounded.
    Two rows lie on one ray exactly if their primitive vectors are equal, and are antipodal if these are opposite.

    Args:
        inputs: n rows of d finite numbers each: a real NumPy array, or sequences of int, float or Fraction.

    Returns:
        n tuples of d integers with greatest common divisor 1.

    Raises:
        ValueError: no rows, rows of different lengths, a number that is not finite, or a zero row.

    Accuracy:
        Exact.

    Cost:
        O(n d) big-integer operations.

    Source:
        derived.

    Example:
        >>> primitive_rows([[0.5, 1.0], [Fraction(3, 7), 0]])
        [(1, 2), (1, 0)]
    """
    plain = inputs.tolist() if isinstance(inputs, np.ndarray) else inputs
    table = [row.tolist() if isinstance(row, np.ndarray) else row for row in plain]
    if not table or not all(isinstance(row, Sequence) and len(row) == len(table[0]) for row in table):
        raise ValueError("expected n >= 1 rows of equal length d: a 2-d array or a list of lists")
    rows: list[Row] = []
    for index, row in enumerate(table):
        try:
            ratios = [Fraction(value).as_integer_ratio() for value in row]
        except (ValueError, OverflowError, TypeError) as error:
            raise ValueError(f"row {index} must hold finite real numbers: {error}") from error
        scale = math.lcm(*(q for _, q in ratios))
        integers = [p * (scale // q) for p, q in ratios]
        divisor = math.gcd(*integers)
        if divisor == 0:
            raise ValueError(f"row {index} is zero and has no direction; remove it")
        rows.append(tuple(value // divisor for value in integers))
    return rows


def limit_gram_ball(inputs: Inputs, precision: int = 128) -> arb_mat:
    """Enclose H_infinity, H_ij = cos(theta_ij) (pi - theta_ij) / (2 pi), theta_ij the angle of x_i and x_j.

    With g = p_i.p_j and s^2 = |p_i|^2 |p_j|^2 - g^2 exact integers, pi - theta = atan2(s, -g) and
    cos(theta) = g / (|p_i| |p_j|): no cancellation however close the rows are to parallel or antipodal.

    Args:
        inputs: as for `primitive_rows`.
        precision: working precision in bits.

    Returns:
        The n x n ball matrix. The diagonal and parallel pairs are exactly 1/2; antipodal and orthogonal pairs
        exactly 0.

    Raises:
        ValueError: as for `primitive_rows`.

    Accuracy:
        Relative radius of every entry a few units of 2^-precision.

    Cost:
        One n x d x n integer product and n^2/2 arctangents; 0.3 s at n = 300, d = 64.

    Source:
        derived.

    Example:
        >>> print(limit_gram_ball([[1, 0], [0, 5], [-2, 0]], 64).str(5, radius=False))
        [0.50000,       0,       0]
        [      0, 0.50000,       0]
        [      0,       0, 0.50000]
    """
    rows = primitive_rows(inputs)
    n = len(rows)
    integers = fmpz_mat([list(row) for row in rows])
    products = (integers * integers.transpose()).tolist()
    with ctx.workprec(precision):
        half = arb(1) / 2
        two_pi = 2 * arb.pi()
        reciprocal_norms = [arb(products[i][i]).rsqrt() for i in range(n)]
        gram = arb_mat(n, n)
        for i in range(n):
            gram[i, i] = half
            for j in range(i):
                inner = products[i][j]
                sine_squared = products[i][i] * products[j][j] - inner * inner
                if inner == 0:
                    continue
                if sine_squared == 0:
                    entry = half if inner > 0 else arb(0)
                else:
                    inner_ball = arb(inner)
                    supplement = arb.atan2(arb(sine_squared).sqrt(), -inner_ball)
                    entry = inner_ball * reciprocal_norms[i] * reciprocal_norms[j] * supplement / two_pi
                gram[i, j] = entry
                gram[j, i] = entry
    return gram


def null_vector_witness(inputs: Inputs) -> KernelWitness | None:
    """Find an exact kernel vector of H_infinity; None proves that H_infinity is nonsingular.

    With rows scaled to length 1, H_infinity is the Gram matrix of the features x_i 1{w.x_i >= 0}, w standard normal.
    Rows on one ray have one feature, so e_i - e_j is in the kernel. For an antipodal pair (x_l, -x_l) at the angle
    theta to x_i, H(x_i, x_l) - H(x_i, -x_l) = cos(theta) (pi - theta)/(2 pi) + cos(theta) theta/(2 pi) = x_i.x_l / 2.
    So coefficients (a_l, -a_l) on pairs l are mapped to (x_i . sum a_l x_l) / 2, and are in the kernel when
    sum a_l x_l = 0. Conversely, for v in the kernel sum_i v_i x_i 1{w.x_i >= 0} vanishes for almost all w, so it has no
    jump across any hyperplane x_l^perp, which leaves only these two cases. The dependence is solved in integers on
    the primitive vectors.

    Args:
        inputs: as for `primitive_rows`.

    Returns:
        A witness of lambda_min = 0, or None if no two rows lie on one ray and the antipodal pairs are independent.

    Raises:
        ValueError: as for `primitive_rows`.

    Accuracy:
        Exact.

    Cost:
        O(n d) and, with antipodal pairs, one integer null space.

    Source:
        derived.

    Example:
        >>> null_vector_witness([[1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-2, -2]])
        KernelWitness(kind='antipodal pairs', indices=(0, 3, 1, 4, 2, 5), coefficients=(1, -1, 1, -1, -1, 1))
        >>> null_vector_witness([[1, 0], [0, 1], [-1, 0], [0, -1]]) is None
        True
    """
    first: dict[Row, int] = {}
    pairs: list[tuple[int, int]] = []
    rows = primitive_rows(inputs)
    for index, row in enumerate(rows):
        if row in first:
            return KernelWitness("repeated row", (first[row], index), (1, -1))
        first[row] = index
        opposite = tuple(-value for value in row)
        if opposite in first:
            pairs.append((first[opposite], index))
    if not pairs:
        return None
    pairs.sort()
    basis, nullity = fmpz_mat([list(rows[i]) for i, _ in pairs]).transpose().nullspace()
    if nullity == 0:
        return None
    column = [int(basis[k, 0]) for k in range(len(pairs))]
    leading = next(value for value in column if value)
    divisor = math.gcd(*column) if leading > 0 else -math.gcd(*column)
    used = [(pair, value // divisor) for pair, value in zip(pairs, column, strict=True) if value]
    return KernelWitness(
        "antipodal pairs",
        tuple(index for pair, _ in used for index in pair),
        tuple(sign * value for _, value in used for sign in (1, -1)),
    )


def check_witness(inputs: Inputs, witness: KernelWitness) -> bool:
    """Verify a kernel witness exactly and independently of `null_vector_witness`.

    Sums the coefficients per ray; they must cancel between opposite rays, and the remaining combination
    sum_l b_l p_l over one primitive vector per line must vanish (see `null_vector_witness`).

    Args:
        inputs: as for `primitive_rows`.
        witness: the claimed kernel vector.

    Returns:
        True if the vector is nonzero and in the kernel of H_infinity.

    Raises:
        ValueError: as for `primitive_rows`.
        IndexError: an index beyond the rows.

    Accuracy:
        Exact.

    Cost:
        O(n d).

    Source:
        derived.

    Example:
        >>> check_witness([[1, 2], [2, 4]], KernelWitness("repeated row", (0, 1), (1, -1)))
        True
    """
    rows = primitive_rows(inputs)
    indices, coefficients = witness.indices, witness.coefficients
    if len(set(indices)) != len(indices) or len(indices) != len(coefficients) or not any(coefficients):
        return False
    sums: dict[Row, int] = {}
    for index, coefficient in zip(indices, coefficients, strict=True):
        sums[rows[index]] = sums.get(rows[index], 0) + coefficient
    opposite = {row: tuple(-value for value in row) for row in sums}
    if any(total + sums.get(opposite[row], 0) != 0 for row, total in sums.items()):
        return False
    lines = [(row, total) for row, total in sums.items() if row > opposite[row]]
    return all(sum(total * row[axis] for row, total in lines) == 0 for axis in range(len(rows[0])))
