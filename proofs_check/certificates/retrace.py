"""The training that a certificate speaks of, followed once more, and what is claimed about it checked.

The second half of `recheck.py`, under its rules: the standard library and python-flint. Formulas: docs/certificates.md.
"""

import math
from collections import Counter
from itertools import compress, product
from operator import mul
from typing import Any

from flint import arb, arb_mat, ctx

LOW = 64
ZERO, ONE, BITS = arb(0), arb(1), bytes([48, 49, *[0] * 254])


class Refuted(Exception):
    """A claim does not hold, or does not follow by its argument."""


class Undecided(Exception):
    """The precision in force does not decide."""


def need(holds: Any, claim: str) -> None:
    """Refuted unless it holds."""
    if not holds:
        raise Refuted(f"it does not show {claim}")


def _matrix(rows: Any) -> arb_mat:
    return arb_mat([[arb(v) for v in row] for row in rows])


def _sign(value: arb) -> bool:
    if value >= 0 or value < 0:
        return bool(value >= 0)
    raise Undecided("a sign")


def _norm(values: Any) -> arb:
    return sum((x.abs_upper() ** 2 for x in values), ZERO).sqrt().upper()


def _up(value: arb) -> float:  # a float that is at least a value that is not negative
    return float(value.upper()) * (1 + 2.0**-50)


def _definite(rows: list[list[arb]]) -> None:
    """Show that a symmetric matrix is positive definite, by elimination."""
    while rows:
        first, rows = rows[0], rows[1:]
        need(not first[0] <= 0, "the bounds on the eigenvalues of H")
        if not first[0] > 0:
            raise Undecided("a bound on the eigenvalues of H")
        rows = [[a - row[0] / first[0] * b for a, b in zip(row[1:], first[1:], strict=True)] for row in rows]


class Run:
    """A shadow of the training, formulas (1) to (7). A neuron is (t0, base, speed): its own since its last flip."""

    def __init__(self, net: Any) -> None:
        self.net, self.t, n, m = net, 0, net.n, net.m
        self.eta, self.beta, self.gamma, self.rest = arb(net.eta), arb(net.beta), arb(net.gamma), 1 - arb(net.beta)
        self.push, self.lift = self.eta * (1 + self.gamma), self.eta * (self.beta * (1 + self.gamma) - self.gamma)
        with ctx.workprec(max(ctx.prec, 2 * LOW)):
            x, root = _matrix(net.inputs), arb(m).sqrt()
            self.kernel = (x * x.transpose()).tolist()
            z = (x * _matrix(net.weights).transpose() * root).tolist()
            y = (x * _matrix(net.before).transpose() * root).tolist() if net.before else []
        self.norms, self.lengths = [_norm(row) for row in self.kernel], [self.kernel[i][i].sqrt() for i in range(n)]
        halves = [[k.max(ZERO) for k in row] + [(-k).max(ZERO) for k in row] for row in self.kernel]
        self.halves = arb_mat(halves), arb_mat([row[n:] + row[:n] for row in halves])
        self.sizes = [[_up(abs(k)) for k in row] for row in self.kernel]
        pattern = [bytes(_sign(v) for v in row) for row in z]
        self.on, self.gram = [bytearray(row) for row in zip(*pattern, strict=True)], arb_mat(n, n)
        self.sets = [int(row[::-1].translate(BITS), 2) for row in pattern]  # of the neurons active on a sample
        (self.cross, self.weight), self.powers, self.flips, self.rows = map(arb, net.metric), [ONE], [], {}
        self.gap, self.calm = self.weight - self.cross**2, False
        need(self.gap > 0, "a positive definite form")
        self.measure(range(n))
        residual = pulling = self.outputs(z, pattern, net.targets)
        own, drift = [ZERO] * n, [[ZERO] * m] * n
        if net.start == "extrapolated":
            pulling = own
        elif net.before:
            need([bytes(_sign(v) for v in row) for row in y] == pattern, "equal patterns at the two given steps")
            pulling = self.outputs(y, pattern, net.targets)
            drift = [[self.beta * (a - b) for a, b in zip(*rows, strict=True)] for rows in zip(z, y, strict=True)]
            own = self.outputs(drift, pattern, [0.0] * n)
        forced = self.eta * self.gamma * _matrix([pulling]).transpose()
        self.sum, self.speed = arb_mat(n, 1), (-forced).mid()  # S and Q
        self.error = self.h_error = self.bound = self.total = ZERO
        self.form = (self.scale * self.weight.sqrt() * _norm((self.speed + forced).entries())).upper()
        self.keep(_matrix([residual]).transpose(), _matrix([own]).transpose() - self.gram * self.speed)
        self.neurons = [(0, *rows) for rows in zip(zip(*z, strict=True), zip(*drift, strict=True), strict=True)]
        self.moved, self.horizon, self.near = [0.0] * n, [math.inf] * n, [set[int]() for _ in range(n)]
        self.limits = [[0.0] * m for _ in range(n)]
        with ctx.workprec(LOW):
            for i, r in product(range(n), range(m)):
                self.limit(r, i, abs(z[i][r]) - abs(drift[i][r]) / self.rest)

    def outputs(self, z: list[list[arb]], pattern: list[bytes], targets: list[Any]) -> list[arb]:
        """(1/m) sum_r a_r A_ri z_ri - y_i."""
        rows = [(v if a > 0 else -v for v, a in zip(row, self.net.signs, strict=True)) for row in z]
        sums = [sum(compress(row, active), ZERO) for row, active in zip(rows, pattern, strict=True)]
        return [f / self.net.m - arb(y) for f, y in zip(sums, targets, strict=True)]

    def entry(self, i: int, j: int, kept: int = -1) -> arb:
        """H_ij, of the neurons in the set `kept`."""
        return self.kernel[i][j] * (self.sets[i] & self.sets[j] & kept).bit_count() / self.net.m

    def measure(self, changed: Any) -> None:
        """H after flips on some samples, a bound on |H|, how far a step reaches and by what the form grows, (7)."""
        for i, j in product(changed, range(self.net.n)):
            self.gram[i, j] = self.gram[j, i] = self.entry(i, j)
        with ctx.workprec(LOW):
            self.top = max((sum(map(abs, row), ZERO).upper() for row in self.gram.tolist()), key=float)
            z, worst, c, p, b = self.eta * self.top, ZERO, self.cross, self.weight, self.beta
            for u, v in ((ONE, ZERO), (1 - z * (1 + self.gamma), -z * self.lift / self.eta)):  # N = [[u, 1], [v, b]]
                first, mixed = u * u + 2 * c * u * v + p * v * v, u + c * (u * b + v) + p * v * b
                trace = (p * first - 2 * c * mixed + 1 + 2 * c * b + p * b * b) / self.gap
                worst = worst.max((trace + (trace**2 - 4 * (u * b - v) ** 2).max(ZERO).sqrt()) / 2)
            self.grows = (z - 1).max(ONE) if self.net.plain else worst.sqrt()
            self.scale = (self.net.m * self.top).sqrt()

    def keep(self, xi: arb_mat, h: arb_mat) -> None:
        """Midpoints of (xi, h); what that loses goes into the errors, (6)."""
        self.xi, self.h = xi.mid(), h.mid()
        self.error = (self.error + _norm(v.rad() for v in xi.entries())).upper()
        self.h_error = (self.h_error + _norm(v.rad() for v in h.entries())).upper()

    def off(self) -> arb:
        """How far weights and momentum of the exact run may be from those of the shadow, (7)."""
        out = ONE if self.net.plain else ((1 + self.weight) / self.gap).sqrt()
        return (self.bound * self.total if self.calm else self.form * out).upper()

    def near_by(self) -> arb:
        """How far the exact residual may be from the one kept."""
        return (self.error + self.off() * (self.top / self.net.m).sqrt()).upper()

    def driven(self, r: int, i: int, name: str) -> arb:
        """(K (A_r o S))_i, or with Q."""
        key = (name, i, ctx.prec)
        if key not in self.rows:
            self.rows[key] = [k * v for k, v in zip(self.kernel[i], getattr(self, name).entries(), strict=True)]
        return sum(compress(self.rows[key], self.on[r]), ZERO)

    def value(self, r: int, i: int) -> tuple[arb, arb]:
        """zeta_ri by (4), and how fast it moves on its own account."""
        since, base, speed = self.neurons[r]
        left, driven = self.powers[self.t - since], self.driven(r, i, "sum")
        carried = base[i] + (1 - left) / self.rest * speed[i]
        return carried - driven if self.net.signs[r] > 0 else carried + driven, left * speed[i]

    def limit(self, r: int, i: int, margin: arb) -> None:
        """Note how far sample i may move before this neuron must be looked at again, (5)."""
        safe = max(0.0, float(margin.lower()) * (1 - 2.0**-50))
        self.limits[i][r] = x = math.nextafter(self.moved[i] + safe, -math.inf)
        (self.near[i].add if x <= self.horizon[i] else self.near[i].discard)(r)

    def contracts(self, low: arb, high: arb, rate: arb, shear: arb) -> None:
        """Show that the eigenvalues of H lie between low and high, and the bound (8) on the powers of N(eta H)."""
        need(low > 0 and 0 < rate and rate < 1 and shear >= 0, "a rate below 1")
        for z in (self.eta * low, self.eta * high):
            a, c = 1 + self.beta - (1 + self.gamma) * z, self.beta - self.gamma * z
            square = (1 - (1 + self.gamma) * z) ** 2 + 1 + (self.lift / self.eta * z) ** 2 + self.beta**2
            inside = abs(c) <= rate**2 and abs(a) * rate <= rate**2 + c and square - 2 * c <= shear**2
            need(abs(1 - z) <= rate if self.net.plain else inside, "the rate")
        self.above(low)
        if high is not self.top:
            self.above(high, -1)

    def above(self, end: arb, side: int = 1, kept: int = -1) -> None:
        """Show that all eigenvalues of H, of the neurons kept, are on that side of `end`."""
        entries = [
            [self.entry(i, j, kept) - (end if i == j else 0) for j in range(self.net.n)] for i in range(self.net.n)
        ]
        _definite([[side * x for x in row] for row in entries])

    def slides(self, low: arb, high: arb, rate: arb, shear: arb) -> None:
        """The rate of gradient descent while some pairs change sign at will, (9) or (10)."""
        net, n, sets, each = self.net, range(self.net.n), list(self.sets), Counter(r for r, _ in self.net.sliding)
        for r, i in net.sliding:
            sets[i] |= 1 << r
        self.above(low, 1, ~sum(1 << r for r in each))
        for row, one in zip(self.kernel, sets, strict=True):
            counts = [(one & other).bit_count() for other in sets]
            need(sum(map(mul, map(abs, row), counts), ZERO) / net.m <= high, "the bounds on the eigenvalues of H")
        jolt, sigma, steady = ZERO, ZERO, (1 - self.eta * low).max(self.eta * high - 1)
        steady += self.eta * _norm(self.norms[i] * sum(j == i for _, j in net.sliding) / net.m for i in n)
        for i in n:
            here = [each[r] for r, j in net.sliding if i == j]
            jolt = jolt.max(self.kernel[i][i] * len(here) * max(each.values()) / net.m)
            sigma = sigma.max(self.kernel[i][i] * sum(here) / net.m)
        gain = 2 - self.eta * high - 2 * self.eta * (high * jolt).sqrt() - self.eta * jolt
        fine = steady <= rate or (gain > 0 and 1 - self.eta * (gain * low - sigma / gain) <= rate**2)
        need(net.plain and low > 0 and 0 < rate and rate < 1 and shear >= 0, "a rate below 1")
        need(fine, "the rate, with pairs that slide")

    def step(self) -> None:
        """Formulas (2), (3), (5), (6), (7)."""
        if self.t in self.net.calm:  # a stretch without flips begins, (8)
            low, rate, shear = map(arb, self.net.calm[self.t])
            self.contracts(low, self.top, rate, shear)
            self.total, self.calm = self.off(), True
            self.bound = (1 + shear / (1 - rate)).max((2 + 1 / self.rest**2).sqrt())
        pull = self.gram * self.xi
        xi, h = self.xi + self.h - self.push * pull, self.beta * self.h - self.lift * pull
        total, speed = self.sum + self.speed + self.push * self.xi, self.beta * self.speed + self.lift * self.xi
        change, self.sum, self.speed = total.mid() - self.sum, total.mid(), speed.mid()
        self.powers.append(self.powers[-1] * self.beta)
        self.t, self.rows = self.t + 1, {}
        with ctx.workprec(LOW):
            lost, slower = (_norm(v.rad() for v in column.entries()) for column in (total, speed))
            first, second = lost + self.push * self.error, slower + abs(self.lift) * self.error
            self.form = (self.grows * self.form + self.scale * (first + self.weight.sqrt() * second)).upper()
            self.total = (self.total + self.scale * (first + second)).upper()
            self.error = (self.error + self.h_error + self.top * lost).upper()
            self.h_error = (self.beta * self.h_error + self.top * slower).upper()
            ends = _matrix([(s * x).max(ZERO)] for s in (1, -1) for x in change.entries())
            moves = [_up(a.max(b)) for a, b in zip(*((half * ends).entries() for half in self.halves), strict=True)]
        self.look(moves, xi, h)
        self.keep(xi, h)

    def look(self, moves: list[float], xi: arb_mat, h: arb_mat) -> None:
        """Decide the signs that are due; what changes them does to (xi, h), the neurons and H."""
        net, unsure, found = self.net, [], []
        with ctx.workprec(LOW):
            slack = [(size * self.off()).upper() for size in self.lengths]
            for i, move in enumerate(moves):
                self.moved[i], limits = math.nextafter(self.moved[i] + move, math.inf), self.limits[i]
                edge = math.nextafter(self.moved[i] + _up(slack[i]), math.inf)
                if edge >= self.horizon[i] or self.t == 1:
                    self.horizon[i] = edge + 32 * move
                    self.near[i] = {r for r, x in enumerate(limits) if x <= self.horizon[i]}
                for r in [r for r in self.near[i] if limits[r] <= edge]:
                    value, speed = self.value(r, i)
                    sharp = value.rel_accuracy_bits() > 20  # what LOW bits leave blurred is looked at again
                    if not (sharp and abs(value) > slack[i] and (value > 0) == self.on[r][i]):
                        unsure.append((r, i))
                    self.limit(r, i, abs(value) - abs(speed) / self.rest)
        values = [(r, i, *self.value(r, i)) for r, i in unsure]
        for r, j, value, speed in values:
            if _sign(arb(value.mid(), value.rad() + slack[j])) != self.on[r][j]:
                gain = net.signs[r] * (-1 if self.on[r][j] else 1)  # a_r times the change of A_rj
                xi[j, 0] += gain * value / net.m
                h[j, 0] += gain * (speed - net.signs[r] * self.driven(r, j, "speed")) / net.m
                found.append((r, j, gain))
        for r, j, gain in found:
            left, total, speed = (
                self.powers[self.t - self.neurons[r][0]],
                gain * self.sum[j, 0],
                gain * self.speed[j, 0],
            )
            share, rows = (1 - left) / self.rest, zip(*self.neurons[r][1:], self.kernel[j], strict=True)
            pairs = [(b + share * v + k * total, left * v + k * speed) for b, v, k in rows]
            moved, faster = zip(*pairs, strict=True)
            self.neurons[r] = (self.t, moved, faster)
            self.on[r][j] ^= 1
            self.sets[j] ^= 1 << r
            self.flips.append((self.t, r, j))
            thrust = _up(abs(speed) / self.rest)
            for i, size in enumerate(self.sizes[j] if thrust else ()):
                x = self.limits[i][r] - size * thrust
                self.limits[i][r] = x = x - 2.0**-50 * (size * thrust + abs(x))
                if x <= self.horizon[i]:
                    self.near[i].add(r)
        if found and self.calm:
            self.form, self.calm = (1 + self.weight).sqrt() * self.off(), False
        if found:
            self.measure({j for _, j, _ in found})
        with ctx.workprec(LOW):
            for r, i, value, _ in values:
                self.limit(r, i, abs(value) - abs(self.value(r, i)[1]) / self.rest)

    def conclude(self) -> None:
        """The argument about all later steps, (8) to (10), with the numbers that the file claims."""
        net = self.net
        low, high, rate, shear, energy = map(arb, net.numbers)
        (self.slides if net.sliding else self.contracts)(low, high, rate, shear)
        need(energy >= _norm([*self.xi.entries(), *self.h.entries()]) + self.h_error + self.near_by(), "the energy")
        rest = _norm(self.speed.entries()) / self.rest
        rest += (1 / (1 - rate) + shear / (1 - rate) ** 2) * self.eta * (1 + self.gamma).max(1 / self.rest) * energy
        for i, limits in enumerate(self.limits):
            ahead = self.norms[i] * rest + self.lengths[i] * self.off() * (1 if net.plain else 1 + 1 / self.rest)
            edge = math.nextafter(self.moved[i] + _up(ahead), math.inf)
            for r in [r for r, x in enumerate(limits) if not x > edge and (r, i) not in net.sliding]:
                value, speed = self.value(r, i)  # as it is now
                self.limit(r, i, abs(value) - abs(speed) / self.rest)
                need(limits[r] > edge, f"that neuron {r} never changes on sample {i} again")
        last = max((t for t, r, i in self.flips if (r, i) not in net.sliding), default=0)
        need((len(self.flips), last) == (net.flips, net.lock_in), "the number of flips and the step of the last")
