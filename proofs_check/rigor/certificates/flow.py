"""The shadow: a network known exactly, close enough to the exact training run to have its signs at every step.

The symbols are those of docs/certificates.md; zeta = sqrt(m) z are the pre-activations. The shadow moves by two
sequences S and Q of numbers with `precision` bits,
    zeta_ri(t) = zeta_ri(0) + g(t) drift_ri - a_r sum_j K_ij c_rj(t),    g(k) = (1 - beta^k) / (1 - beta),
and as long as neuron r keeps its sign on sample j, c_rj moves with S_j. So a step costs n^2 operations for any width,
and only those of the m n signs are evaluated that the movement may have changed (watch.py). The residual xi and the
momentum part h of the shadow are stored as midpoints with a bound on the accumulated rounding. One number bounds the
distance of the exact run from the shadow (shadow.py). A sign is decided if it is the same for all points within this
distance.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from itertools import compress

import numpy as np
from flint import arb, arb_mat, ctx

from proofs_check.rigor.certificates.contraction import Contraction, contraction, extreme_eigenvalues
from proofs_check.rigor.certificates.neurons import Neurons, Rows
from proofs_check.rigor.certificates.problem import Problem, ball, matrix
from proofs_check.rigor.certificates.shadow import LOW, Distance, best_metric, growth
from proofs_check.rigor.certificates.watch import Watch
from proofs_check.rigor.enclosure.pencil import float_above, float_below

Pair = tuple[int, int]

_FINE = 128
"""Smallest precision in bits of K and of the network at step 0, which are computed once."""

_QUIET = 32
"""Number of steps without a flip after which the distance is bounded by powers of N (shadow.py)."""


class Undecided(ArithmeticError):
    """The precision does not decide a sign."""


def norm(values: Iterable[arb]) -> arb:
    """Return an upper bound on the Euclidean norm."""
    return sum((x.abs_upper() ** 2 for x in values), arb(0)).sqrt().upper()


def _column(values: Iterable[arb]) -> arb_mat:
    listed = list(values)
    return arb_mat(len(listed), 1, listed)


def _floats(values: Iterable[arb]) -> np.ndarray:
    return np.array([float(x) for x in values])


class Flow:
    """The shadow at one step; `advance` computes the next step. Use it with flint's ctx.prec at `precision`.

    Args:
        problem: a checked Problem.
        precision: bits.

    Attributes:
        step: t.
        flips: the list of (t, neuron, sample): the pattern at t differs from that at t - 1 there.
        active: the pattern, of the shadow and of the exact run.
        distance: a bound on the distance of the exact run from the shadow.
        calm: (first step, Contraction) of each stretch of constant pattern in which the distance was bounded by powers
            of N.

    Raises:
        Undecided: the precision does not decide a sign.
        ValueError: with the start "state", the patterns of the two given steps differ.

    Cost: n^2 operations of `precision` bits per step, and n for every sign that is evaluated; m n p at the start.
    """

    def __init__(self, problem: Problem, precision: int) -> None:
        """Evaluate the network at step 0; see the class."""
        self.problem, self.precision, self.step = problem, precision, 0
        n, m = len(problem.inputs), len(problem.weights)
        self.size, self.width = n, m
        self.eta, self.beta, self.gamma = (ball(x) for x in (problem.eta, problem.beta, problem.gamma))
        self.push = self.eta * (1 + self.gamma)
        self.lift = self.eta * (self.beta * (1 + self.gamma) - self.gamma)
        self.flips: list[tuple[int, int, int]] = []
        self.calm: list[tuple[int, Contraction]] = []
        with ctx.workprec(max(_FINE, precision)):
            inputs = matrix(problem.inputs)
            rows = (inputs * inputs.transpose()).tolist()
            self.kernel_rows = rows
            self.norms = [norm(row) for row in rows]
            self.lengths = [row[i].sqrt().upper() for i, row in enumerate(rows)]
            positive = [[x.max(arb(0)) for x in row] for row in rows]
            negative = [[(-x).max(arb(0)) for x in row] for row in rows]
            self._parts = arb_mat([a + b for a, b in zip(positive, negative, strict=True)])
            self._swapped = arb_mat([b + a for a, b in zip(positive, negative, strict=True)])
            before = (inputs * matrix(problem.weights).transpose() * arb(m).sqrt()).tolist()
            self._pattern = np.zeros((m, n), dtype=np.uint8)
            view = memoryview(self._pattern.data).cast("B")
            self.active = [view[r * n : (r + 1) * n] for r in range(m)]
            values, errors = self._look_at(before, self._pattern)
            self.bits = [
                int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little") for row in self._pattern.T
            ]
            self.gram = arb_mat(n, n, [self.gram_entry(i, j) for i in range(n) for j in range(n)])
            drift = self._start(inputs, before)
        kernel = _floats(x for row in rows for x in row).reshape(n, n)
        signs = np.array(problem.signs, dtype=float)
        self.watch = Watch(values, errors, drift, kernel, self._pattern, signs, float_below((1 - self.beta).lower()))

    def _look_at(self, values: Rows, pattern: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fill the pattern; return the values in float64 and bounds on their errors, samples first."""
        n, m = self.size, self.width
        middle = _floats(x for row in values for x in row).reshape(n, m)
        errors = _floats(x.rad() for row in values for x in row).reshape(n, m) * 1.001 + np.abs(middle) * 2.0**-52
        pattern[:] = (middle > 0).T
        for i, r in np.argwhere(np.abs(middle) <= errors).tolist():
            pattern[r, i] = self._sign(values[i][r], r, i)
        return middle, errors

    def _sign(self, value: arb, r: int, i: int) -> bool:
        if value >= 0:
            return True
        if value < 0:
            return False
        raise Undecided(f"neuron {r} on sample {i} at step {self.step}")

    def gram_entry(self, i: int, j: int, members: int = -1) -> arb:
        """Return the part of H_ij from the neurons in the bit set `members`."""
        return self.kernel_rows[i][j] * (self.bits[i] & self.bits[j] & members).bit_count() / self.width

    def _outputs(self, values: Rows) -> list[arb]:
        """Sum f_i = (1/m) sum_r a_r relu(zeta_ri) by the pattern of this step."""
        up = [sign > 0 for sign in self.problem.signs]
        outputs = []
        for i, row in enumerate(values):
            on = self._pattern[:, i]
            plus, minus = (sum(compress(row, on & side), arb(0)) for side in (np.array(up), ~np.array(up)))
            outputs.append((plus - minus) / self.width)
        return outputs

    def _start(self, inputs: arb_mat, before: Rows) -> np.ndarray | None:
        """Set (xi, h) and (S, Q) at step 0, docs/certificates.md; return `drift` in float64, or None."""
        problem, n = self.problem, self.size
        targets = [ball(y) for y in problem.targets]
        residual = [f - y for f, y in zip(self._outputs(before), targets, strict=True)]
        pulling, momentum, moving = residual, [arb(0)] * n, None
        drift: Rows | None = None
        if problem.start == "extrapolated":
            pulling = momentum
        elif problem.before is not None:
            earlier = (inputs * matrix(problem.before).transpose() * arb(self.width).sqrt()).tolist()
            pattern = np.zeros_like(self._pattern)
            self._look_at(earlier, pattern)
            if (pattern != self._pattern).any():
                raise ValueError("the patterns of the two steps differ")
            pulling = [f - y for f, y in zip(self._outputs(earlier), targets, strict=True)]
            drift = [
                [self.beta * (x - y) for x, y in zip(*rows, strict=True)] for rows in zip(before, earlier, strict=True)
            ]
            momentum = self._outputs(drift)
            moving = _floats(x for row in drift for x in row).reshape(n, self.width)
        forced = self.eta * self.gamma * _column(pulling)
        self.common, self.speed = arb_mat(n, 1), (-forced).mid()
        self.neurons = Neurons(
            self.kernel_rows, before, drift, problem.signs, self.active, self.beta, max(_FINE, self.precision)
        )
        self.metric = best_metric(problem, float(self._top))
        self.distance = Distance(problem, self.metric)
        self.distance.start(norm((self.speed + forced).entries()), self._top)
        self.error = self.momentum_error = arb(0)
        with ctx.workprec(self.precision):
            self._settle(_column(residual), _column(momentum) - self.gram * self.speed)
        return moving

    def _settle(self, residual: arb_mat, momentum: arb_mat) -> None:
        """Store the midpoints of (xi, h), and add their radii to the bounds on the accumulated rounding."""
        if self.memoryless:
            momentum = arb_mat(self.size, 1)
        self.residual, self.momentum = residual.mid(), momentum.mid()
        with ctx.workprec(LOW):
            self.error = (self.error + norm(x.rad() for x in residual.entries())).upper()
            self.momentum_error = (self.momentum_error + norm(x.rad() for x in momentum.entries())).upper()
        if not self.error.is_finite():
            raise Undecided(f"no digits left at step {self.step}")

    @cached_property
    def memoryless(self) -> bool:
        """True for gradient descent, where h is 0 exactly."""
        return self.problem.beta == 0 and self.problem.gamma == 0

    def advance(self) -> int:
        """Apply one step of training; return the number of signs that changed.

        Raises:
            Undecided: the precision does not decide a sign, or leaves no digit of the residual.
        """
        self._relax()
        drive = self.gram * self.residual
        residual = self.residual + self.momentum - self.push * drive
        momentum = self.beta * self.momentum - self.lift * drive
        common = self.common + self.speed + self.push * self.residual
        speed = self.beta * self.speed + self.lift * self.residual
        movement, self.common, self.speed = common.mid() - self.common, common.mid(), speed.mid()
        with ctx.workprec(LOW):
            # the rounding of S and Q, and the difference of the stored residual from that of the shadow
            first, second = (norm(x.rad() for x in column.entries()) for column in (common, speed))
            top = self._top
            self.distance.advance(
                self._growth, top, first + self.push * self.error, second + abs(self.lift) * self.error
            )
            self.error = (self.error + self.momentum_error + top * first).upper()
            self.momentum_error = (self.beta * self.momentum_error + top * second).upper()
            self.step += 1
            self.neurons.move(self.step, self.common, self.speed)
            power, total = self.neurons.decay(self.step), self.neurons.total(self.step)
            self.watch.advance(self._widest(movement), float(power), float(total))
            slack = self.distance.bound
            if not slack.is_finite():
                raise Undecided(f"the distance from the exact run is not bounded at step {self.step}")
            reach = np.array([float_above(length * slack) for length in self.lengths])
        due = self.watch.look(self.step, _floats(self.common.entries()), reach)
        changes = self._decide(due, slack, residual, momentum)
        self._settle(residual, momentum)
        return changes

    def _relax(self) -> None:
        """Bound the distance by powers of N after some steps without a flip, if the method has momentum."""
        last = self.flips[-1][0] if self.flips else 0
        wait = 0 if self.problem.before is not None and not self.flips else _QUIET
        if self.memoryless or self.distance.calmed or self.step != last + wait or self.spectrum is None:
            return
        with ctx.workprec(LOW):
            high = float_above(self._top)
            bound = contraction(self.problem.eta, self.problem.beta, self.problem.gamma, self.spectrum[0], high)
            if bound is not None:
                self.distance.calm(bound)
                self.calm.append((self.step, bound))

    def _widest(self, movement: arb_mat) -> np.ndarray:
        """Bound the movement of the pre-activations of each sample by a movement of S, over all patterns."""
        zero = arb(0)
        parts = _column([x.max(zero) for x in movement.entries()] + [(-x).max(zero) for x in movement.entries()])
        both = zip((self._parts * parts).entries(), (self._swapped * parts).entries(), strict=True)
        return np.array([max(float_above(a.abs_upper()), float_above(b.abs_upper())) for a, b in both])

    def _decide(self, due, slack: arb, residual: arb_mat, momentum: arb_mat) -> int:
        """Decide the signs that float64 left open; where the pattern changed, update (xi, h), the neurons and H."""
        changed: dict[int, list[int]] = defaultdict(list)
        pairs = list(zip(*(x.tolist() for x in due), strict=True))
        margins = np.zeros(len(pairs))
        for k, (i, r) in enumerate(pairs):
            value, off = self.neurons.value(r, i), self.lengths[i] * slack
            margins[k] = float_below(value.abs_lower())
            if self._sign(arb(value.mid(), value.rad() + off), r, i) != self.active[r][i]:
                changed[r].append(i)
                gain = self.problem.signs[r] * (-1 if self.active[r][i] else 1)
                residual[i, 0] += gain * value / self.width
                if not self.memoryless:
                    momentum[i, 0] += gain * self.neurons.speed(r, i) / self.width
        common, speed = _floats(self.common.entries()), _floats(self.speed.entries())
        for r, samples in changed.items():
            for j in samples:
                self.neurons.flip(r, j)
                self.bits[j] ^= 1 << r
                self.flips.append((self.step, r, j))
            self.watch.flip(self.step, r, np.array(samples), common, speed)
        for i in {i for samples in changed.values() for i in samples}:
            for j in range(self.size):
                self.gram[i, j] = self.gram[j, i] = self.gram_entry(i, j)
        if changed:
            for name in ("_growth", "_top", "spectrum"):
                self.__dict__.pop(name, None)
            with ctx.workprec(LOW):
                self.distance.stir()
        if pairs:
            samples, neurons = due
            self.watch.settle(self.step, samples, neurons, margins)
        return sum(map(len, changed.values()))

    @cached_property
    def _top(self) -> arb:
        """A bound on ||H||, its largest row sum."""
        with ctx.workprec(LOW):
            sizes = arb_mat(self.size, self.size, [abs(x) for x in self.gram.entries()])
            return max(x.upper() for x in (sizes * _column([arb(1)] * self.size)).entries())

    @cached_property
    def _growth(self) -> arb:
        with ctx.workprec(LOW):
            return growth(self.problem, self.metric, self._top)

    @cached_property
    def spectrum(self) -> tuple[float, float] | None:
        """Bounds on the least and the largest eigenvalue of H now, or None."""
        return extreme_eigenvalues(self.gram)

    def _off(self) -> arb:
        """Bound the distance of the exact (xi, h) from that of the shadow."""
        with ctx.workprec(LOW):
            return (self.distance.bound * (self._top / self.width).sqrt()).upper()

    def energy(self) -> arb:
        """Bound the Euclidean norm of the exact (xi, h)."""
        size = norm([*self.residual.entries(), *self.momentum.entries()])
        return (size + self.error + self.momentum_error + self._off()).upper()

    def slack(self) -> arb:
        """Bound the distance of the exact residual from the stored one."""
        return (self.error + self._off()).upper()

    def enclosure(self) -> list[tuple[arb, arb]]:
        """Enclose each component of the exact residual as (lower, upper)."""
        slack = self.slack()
        return [((x - slack).lower(), (x + slack).upper()) for x in self.residual.entries()]
