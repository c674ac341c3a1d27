"""The exact training run, followed in ball arithmetic, with every sign decided.

With zeta = sqrt(m) z the pre-activations and all else as in docs/certificates.md,
    zeta_ri(t) = zeta_ri(0) + g(t) drift_ri - a_r sum_j K_ij c_rj(t),    g(k) = (1 - beta^k) / (1 - beta),
and while neuron r keeps its sign on sample j, c_rj follows one sequence S_j common to all neurons. So a step costs
n^2 operations whatever the width, and of the m n signs only those are looked at whose margin the movement may have
reached: |zeta_ri(t) - zeta_ri(s)| is at most D_i(t) - D_i(s) plus what the neuron's own speed still adds.

Residual and momentum part (xi, h) are kept as exact midpoints with one bound `error` on the Euclidean distance from the
true vector, S and Q as balls with one bound each, so that nothing is lost to wrapping: gradient descent loses no bits.
"""

import heapq
import math
from collections.abc import Iterable
from functools import cached_property
from itertools import compress

from flint import arb, arb_mat, ctx

from proofs_check.certificates.contraction import extreme_eigenvalues, growth
from proofs_check.certificates.problem import Problem, ball, matrix

Pair = tuple[int, int]

LOW = 64
"""Bits for looking at signs; only a sign that these leave open is looked at in full precision."""


class Undecided(ArithmeticError):
    """A sign that the precision in force does not decide."""


def float_up(value: arb) -> float:
    """A float that is at least every point of a ball that is not negative."""
    return math.nextafter(float(value.abs_upper()), math.inf)


def float_down(value: arb) -> float:
    """A float in [0, |x|] for every point x of a ball."""
    return max(0.0, math.nextafter(float(value.abs_lower()), -math.inf))


def _column(values: Iterable[arb]) -> arb_mat:
    listed = list(values)
    return arb_mat(len(listed), 1, listed)


def _radius(column: arb_mat) -> arb:
    """The sum of the radii, a bound on the Euclidean distance from the midpoints."""
    return sum((x.rad() for x in column.entries()), arb(0))


class Flow:
    """The run at one step; `advance` takes it to the next. Use it with flint's ctx.prec at `precision`.

    Args:
        problem: a checked Problem.
        precision: bits.

    Attributes:
        step: t.
        flips: the list of (t, neuron, sample): the pattern at t differs from that at t - 1 there.
        error: bound on the distance of (xi, h) from the exact values.

    Raises:
        Undecided: a sign is open at this precision.
        ValueError: with the start "state", the patterns of the two given steps differ.

    Cost: n^2 operations of `precision` bits per step, and n for every sign that is looked at; m n p at the start.
    """

    def __init__(self, problem: Problem, precision: int) -> None:
        """Evaluate the network at step 0; see the class."""
        self.problem, self.precision, self.step = problem, precision, 0
        n, m = len(problem.inputs), len(problem.weights)
        self.size, self.width = n, m
        self.eta, self.beta, self.gamma = (ball(x) for x in (problem.eta, problem.beta, problem.gamma))
        self.push = self.eta * (1 + self.gamma)
        self.lift = self.eta * (self.beta * (1 + self.gamma) - self.gamma)
        self.root = arb(m).sqrt()
        inputs = matrix(problem.inputs)
        self.kernel = inputs * inputs.transpose()
        rows = self.kernel.tolist()
        zero = arb(0)
        self.kernel_rows = rows
        self.reach = [sum((abs(x) for x in row), zero).upper() for row in rows]
        self.norms = [sum((x * x for x in row), zero).sqrt().upper() for row in rows]
        self._parts = arb_mat([[x.max(zero) for x in row] + [(-x).max(zero) for x in row] for row in rows])
        self._swapped = arb_mat([[(-x).max(zero) for x in row] + [x.max(zero) for x in row] for row in rows])
        self._similar = all(x >= 0 for row in rows for x in row)
        # before[i][r] = z_ri(0), samples first; active[r] = its pattern as n bytes
        self.before = (inputs * matrix(problem.weights).transpose()).tolist()
        self.active = self._pattern(self.before)
        self.bits = [sum(bit[i] << r for r, bit in enumerate(self.active)) for i in range(n)]
        self.gram = arb_mat(n, n, [self.gram_entry(i, j) for i in range(n) for j in range(n)])
        self._kept: dict[tuple[int, int, str], list[arb]] = {}
        self.extras: dict[int, dict[int, tuple[arb, arb, int]]] = {}
        self.flips: list[tuple[int, int, int]] = []
        self.drift: list[list[arb]] | None = None
        self._powers = [arb(1)]
        self._start(inputs)
        # D_i, and for every pair the D_i up to which its sign is known; the queues hold (limit, neuron)
        self.moved = [0.0] * n
        with ctx.workprec(LOW):
            self.limits = [[self._limit(r, i, self.root * self.before[i][r]) for r in range(m)] for i in range(n)]
        self._queue = [[(limit, r) for r, limit in enumerate(row)] for row in self.limits]
        for queue in self._queue:
            heapq.heapify(queue)

    def _pattern(self, values: list[list[arb]]) -> list[bytearray]:
        active = [bytearray(self.size) for _ in range(self.width)]
        for i, row in enumerate(values):
            for r, value in enumerate(row):
                active[r][i] = self._sign(value, r, i)
        return active

    def _sign(self, value: arb, r: int, i: int) -> bool:
        if value >= 0:
            return True
        if value < 0:
            return False
        raise Undecided(f"neuron {r} on sample {i} at step {self.step}")

    def gram_entry(self, i: int, j: int, kept: int = -1) -> arb:
        """H_ij, of the neurons in the set `kept` alone."""
        return self.kernel_rows[i][j] * (self.bits[i] & self.bits[j] & kept).bit_count() / self.width

    def _outputs(self, values: list[list[arb]]) -> list[arb]:
        """f_i = m^(-1/2) sum_r a_r relu(z_ri); the signs of the values are decided."""
        signs, zero = self.problem.signs, arb(0)
        return [
            sum((x if a > 0 else -x for x, a in zip(row, signs, strict=True) if x > 0), zero) / self.root
            for row in values
        ]

    def _start(self, inputs: arb_mat) -> None:
        """(xi, h) and (S, Q) at step 0; see docs/certificates.md."""
        problem, n = self.problem, self.size
        targets = [ball(y) for y in problem.targets]
        residual = [f - y for f, y in zip(self._outputs(self.before), targets, strict=True)]
        pulling, momentum = residual, [arb(0)] * n
        if problem.start == "extrapolated":
            pulling = momentum
        elif problem.before is not None:
            earlier = (inputs * matrix(problem.before).transpose()).tolist()
            if self._pattern(earlier) != self.active:
                raise ValueError("the patterns of the two steps differ")
            scale = self.beta * self.root
            pulling = [f - y for f, y in zip(self._outputs(earlier), targets, strict=True)]
            self.drift = [
                [scale * (x - y) for x, y in zip(*rows, strict=True)] for rows in zip(self.before, earlier, strict=True)
            ]
            for i, row in enumerate(self.drift):
                moving = (x if a > 0 else -x for x, a, on in zip(row, problem.signs, self.active, strict=True) if on[i])
                momentum[i] = sum(moving, arb(0)) / self.width
        forced = self.eta * self.gamma * _column(pulling)
        self._settle(_column(residual), _column(momentum) + self.gram * forced, arb(0))
        self.common, self.speed = arb_mat(n, 1), -forced
        self.common_error = self.speed_error = arb(0)

    def _settle(self, residual: arb_mat, momentum: arb_mat, error: arb) -> None:
        """Keep the midpoints, and what that loses as `error`."""
        if self.memoryless:
            momentum = arb_mat(self.size, 1)
        self.error = (error + _radius(residual) + _radius(momentum)).upper()
        if not self.error.is_finite():
            raise Undecided(f"no digits left at step {self.step}")
        self.residual, self.momentum = residual.mid(), momentum.mid()

    @cached_property
    def memoryless(self) -> bool:
        """Gradient descent: h is 0 exactly."""
        return self.problem.beta == 0 and self.problem.gamma == 0

    def _decay(self, k: int) -> arb:
        """beta^k."""
        while len(self._powers) <= k:
            with ctx.workprec(self.precision):
                self._powers.append(self._powers[-1] * self.beta)
        return self._powers[k]

    def _sum(self, k: int) -> arb:
        return (1 - self._decay(k)) / (1 - self.beta)

    def _value(self, r: int, i: int) -> arb:
        """zeta_ri now, at the precision in force."""
        row = self._products(i)
        moved = sum(compress(row, self.active[r]), arb(0, self.reach[i] * self.common_error))
        for j, (c0, q0, since) in self.extras.get(r, {}).items():
            moved += self.kernel_rows[i][j] * (c0 + self._sum(self.step - since) * q0)
        value = self.root * self.before[i][r]
        if self.drift is not None:
            value += self._sum(self.step) * self.drift[i][r]
        return value - moved if self.problem.signs[r] > 0 else value + moved

    def _products(self, i: int, vector: str = "common") -> list[arb]:
        """K_ij S_j, or K_ij Q_j, for all j, kept for the step and the precision."""
        key = (i, ctx.prec, vector)
        if key not in self._kept:
            column = getattr(self, vector).entries()
            self._kept[key] = [k * x for k, x in zip(self.kernel_rows[i], column, strict=True)]
        return self._kept[key]

    def _own_speed(self, r: int, i: int) -> arb:
        """What neuron r moves per step on its own account, driven by nothing any more."""
        total = arb(0)
        for j, (_, q0, since) in self.extras.get(r, {}).items():
            total += self.kernel_rows[i][j] * self._decay(self.step - since) * q0
        if self.problem.signs[r] > 0:
            total = -total
        return total if self.drift is None else total + self._decay(self.step) * self.drift[i][r]

    def _limit(self, r: int, i: int, value: arb) -> float:
        """The movement of sample i up to which the sign of this value holds, rounded down."""
        margin = float_down(value)
        if self.drift is not None or r in self.extras:
            margin -= float_up(self._own_speed(r, i) / (1 - self.beta))
            margin = math.nextafter(margin, -math.inf)
        return math.nextafter(self.moved[i] + margin, -math.inf) if margin > 0 else self.moved[i]

    def advance(self) -> int:
        """One step of training; the number of signs that changed.

        Raises:
            Undecided: a sign, or every digit of the residual, is lost at this precision.
        """
        drive = self.gram * self.residual
        residual = self.residual + self.momentum - self.push * drive
        momentum = self.beta * self.momentum - self.lift * drive
        movement = self.speed + self.push * self.residual
        slack = (self.speed_error + self.push * self.error).upper()
        self.common, self.common_error = self.common + movement, (self.common_error + slack).upper()
        self.speed = self.beta * self.speed + self.lift * self.residual
        self.speed_error = (self.beta * self.speed_error + abs(self.lift) * self.error).upper()
        error = self.error * self._growth
        self.step += 1
        self._kept.clear()
        with ctx.workprec(LOW):
            self._widen(movement, slack)
            found, seen = self._look()
        if found:
            self._flip(found, residual, momentum)
        self._settle(residual, momentum, error)
        with ctx.workprec(LOW):
            for (r, i), value in seen.items():
                self._set_limit(r, i, self._limit(r, i, value))
        return len(found)

    def _set_limit(self, r: int, i: int, limit: float) -> None:
        self.limits[i][r] = limit
        heapq.heappush(self._queue[i], (limit, r))

    def _widen(self, movement: arb_mat, slack: arb) -> None:
        """Add to D_i the most that any pattern can make of a movement of S."""
        up = [(x + slack).upper() for x in movement.entries()]
        down = [(slack - x).upper() for x in movement.entries()]
        zero = arb(0)
        parts = _column([x.max(zero) for x in up] + [x.max(zero) for x in down])
        for i, (a, b) in enumerate(
            zip((self._parts * parts).entries(), (self._swapped * parts).entries(), strict=True)
        ):
            self.moved[i] = math.nextafter(self.moved[i] + max(float_up(a), float_up(b)), math.inf)

    def _look(self) -> tuple[list[tuple[int, int]], dict[tuple[int, int], arb]]:
        """The pairs whose sign changed in this step, and all that were looked at, with their values."""
        found, seen = [], {}
        for i, queue in enumerate(self._queue):
            limits = self.limits[i]
            while queue and not queue[0][0] > self.moved[i]:
                limit, r = heapq.heappop(queue)
                if limit == limits[r]:
                    limits[r] = math.nan  # no entry but this one
                    seen[r, i], positive = self._decided(r, i)
                    if positive != self.active[r][i]:
                        found.append((r, i))
        return found, seen

    def _decided(self, r: int, i: int) -> tuple[arb, bool]:
        try:
            value = self._value(r, i)
            return value, self._sign(value, r, i)
        except Undecided:
            with ctx.workprec(self.precision):
                value = self._value(r, i)
                return value, self._sign(value, r, i)

    def _flip(self, found: list[tuple[int, int]], residual: arb_mat, momentum: arb_mat) -> None:
        """Change the pattern: what it adds to (xi, h), how the neurons go on, and H."""
        for r, i in found:
            gain = self.problem.signs[r] * (-1 if self.active[r][i] else 1)
            residual[i, 0] += gain * self._value(r, i) / self.width
            if not self.memoryless:
                momentum[i, 0] += gain * self._speed_of(r, i) / self.width
        for r, j in found:
            self._carry_on(r, j)
            self.active[r][j] ^= 1
            self.bits[j] ^= 1 << r
            self.flips.append((self.step, r, j))
        for i in {i for _, i in found}:
            for j in range(self.size):
                self.gram[i, j] = self.gram[j, i] = self.gram_entry(i, j)
        for name in ("_growth", "spectrum"):
            self.__dict__.pop(name, None)

    def _speed_of(self, r: int, i: int) -> arb:
        """What zeta_ri moves in the next step apart from the gradient of this one: drift beta^t - a_r (K q_r)_i."""
        driven = sum(compress(self._products(i, "speed"), self.active[r]), arb(0, self.reach[i] * self.speed_error))
        return self._own_speed(r, i) - self.problem.signs[r] * driven

    def _carry_on(self, r: int, j: int) -> None:
        """The coefficient of (r, j), about to flip, less its new driven part; the limits pay for the speed."""
        wide = [
            arb(x.mid(), x.rad() + slack)
            for x, slack in ((self.common[j, 0], self.common_error), (self.speed[j, 0], self.speed_error))
        ]
        c, q = wide if self.active[r][j] else [-x for x in wide]
        extras = self.extras.setdefault(r, {})
        if j in extras:
            c0, q0, since = extras[j]
            c, q = c + c0 + self._sum(self.step - since) * q0, q + self._decay(self.step - since) * q0
        extras[j] = (c, q, self.step)
        if not self.memoryless:
            for i, cost in enumerate(self._costs(j)):
                limit = self.limits[i][r]
                if limit == limit:  # not one that is being looked at
                    self._set_limit(r, i, math.nextafter(limit - cost, -math.inf))

    def _costs(self, j: int) -> list[float]:
        """What a neuron that flips on sample j now may move each sample on its own account, at most."""
        with ctx.workprec(LOW):
            size = (abs(self.speed[j, 0]) + self.speed_error) / (1 - self.beta)
            return [float_up(row[j] * size) for row in self.kernel_rows]

    @cached_property
    def _growth(self) -> arb:
        with ctx.workprec(LOW):
            sizes = self.gram if self._similar else arb_mat(self.size, self.size, [abs(x) for x in self.gram.entries()])
            rows = (sizes * _column([arb(1)] * self.size)).entries()
            top = max((x.upper() for x in rows), key=float)
            return growth(self.problem.eta, self.problem.beta, self.problem.gamma, top)

    @cached_property
    def spectrum(self) -> tuple[float, float] | None:
        """Bounds on the least and the largest eigenvalue of H now, or None."""
        return extreme_eigenvalues(self.gram)

    def energy(self) -> arb:
        """A bound on the Euclidean norm of (xi, h)."""
        entries = [*self.residual.entries(), *self.momentum.entries()]
        return (sum((x * x for x in entries), arb(0)).sqrt() + self.error).upper()

    def enclosure(self) -> list[tuple[arb, arb]]:
        """(lower, upper) for each component of the exact residual."""
        return [((x - self.error).lower(), (x + self.error).upper()) for x in self.residual.entries()]
