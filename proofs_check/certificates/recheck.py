"""Verify a certificate from its file alone: `nag-ntk recheck FILE`, or `python recheck.py FILE`.

Imports the standard library and python-flint, nothing else: neither JAX, nor the simulator, nor the code that made the
file. Follows the training again in ball arithmetic and checks all that is claimed; formulas: docs/certificates.md.
Exit codes: 0 proved; 1 a claim fails, or is not decided with MAX_BITS bits; 2 no certificate: unreadable or altered.
"""

import hashlib
import heapq
import json
import math
import sys
from itertools import compress
from pathlib import Path
from typing import Any

from flint import arb, arb_mat, ctx, fmpq

FORMAT = "nag-ntk certificate 1"
LOW, MAX_BITS, MAX_STEPS = 64, 1 << 15, 10**6
ZERO = arb(0)


class Refuted(Exception):
    """A claim does not hold, or does not follow by its argument."""


class Undecided(Exception):
    """The precision in force does not decide."""


def _need(holds: Any, claim: str) -> None:
    if not holds:
        raise Refuted(f"it does not show {claim}")


def _numbers(line: str, length: int) -> list[Any]:
    """Floats in hexadecimal, or fractions p/q, as exact numbers."""
    found = [fmpq(*map(int, x.split("/"))) if "/" in x else float.fromhex(x) for x in line.split()]
    if len(found) != length or not all(isinstance(x, fmpq) or math.isfinite(x) for x in found):
        raise ValueError(f"expected {length} finite numbers, got {line[:40]!r}")
    return found


class Certificate:
    """What a file says, as exact numbers; whatever is wrong with its form raises an exception."""

    def __init__(self, path: Path) -> None:
        body = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(body, dict) or body.get("format") != FORMAT:
            raise ValueError(f"not a {FORMAT}")
        stated = body.pop("digest")
        if stated != hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest():
            raise ValueError("the digest does not fit: the file was altered or damaged")
        given, claim = body["problem"], body["claim"]
        self.n, self.m, p = len(given["inputs"]), len(given["signs"]), len(given["inputs"][0].split())
        self.inputs, self.weights = ([_numbers(line, p) for line in given[name]] for name in ("inputs", "weights"))
        self.before = [_numbers(line, p) for line in given["before"]]
        self.signs = [{"+": 1, "-": -1}[sign] for sign in given["signs"]]
        self.targets, self.start = _numbers(given["targets"], self.n), given["start"]
        self.eta, self.beta, self.gamma = (_numbers(given[name], 1)[0] for name in ("eta", "beta", "gamma"))
        self.plain = self.beta == 0 and self.gamma == 0
        self.numbers = [_numbers(claim[x], 1)[0] for x in ("lambda_min", "lambda_max", "rate", "shear", "energy")]
        self.applied, self.lock_in, self.flips = (int(claim[x]) for x in ("applied", "lock_in", "flips"))
        self.bits, self.distance = int(claim["bits"]), _numbers(claim["distance"], 1)[0]
        self.sliding = {(int(r), int(i)) for r, i in claim["sliding"]}
        self.enclosures = {int(t): [_numbers(x, self.n) for x in pair] for t, pair in claim["enclosures"].items()}
        self.simulated = [_numbers(line, self.n) for line in claim["float64"]]
        sizes = len(self.weights) == self.m > 0 < p and len(self.before) == self.m * (self.start == "state")
        known = self.start in ("gradient", "extrapolated", "state") and self.eta > 0 and 0 <= self.beta < 1
        steps = max(len(self.simulated) - 1, *self.enclosures, 0) <= self.applied <= MAX_STEPS
        pairs = all(0 <= r < self.m and 0 <= i < self.n for r, i in self.sliding)
        if not (sizes and known and steps and pairs and self.gamma >= 0 and LOW <= self.bits <= MAX_BITS):
            raise ValueError("shapes, start, step size, momentum, steps or precision out of range")


def _matrix(rows: list[list[Any]]) -> arb_mat:
    return arb_mat([[arb(v) for v in row] for row in rows])


def _sign(value: arb) -> bool:
    if value >= 0 or value < 0:
        return bool(value >= 0)
    raise Undecided("a sign")


def _norm(values: list[arb]) -> arb:
    return sum((x * x for x in values), ZERO).sqrt().upper()


def _wide(value: arb, error: arb) -> arb:
    return arb(value.mid(), value.rad() + error)


def _definite(rows: list[list[arb]], claim: str) -> None:
    """Show that a symmetric matrix is positive definite, by elimination."""
    while rows:
        first, rows = rows[0], rows[1:]
        _need(not first[0] <= 0, claim)
        if not first[0] > 0:
            raise Undecided(claim)
        rows = [[a - row[0] / first[0] * b for a, b in zip(row[1:], first[1:], strict=True)] for row in rows]


class Run:
    """The training, formulas (1) to (6). A neuron is (t0, base, speed), what it has of its own since its last flip."""

    def __init__(self, net: Certificate) -> None:
        self.net, self.t, n, m = net, 0, net.n, net.m
        self.eta, self.beta, self.gamma = arb(net.eta), arb(net.beta), arb(net.gamma)
        self.push, self.lift = self.eta * (1 + self.gamma), self.eta * (self.beta * (1 + self.gamma) - self.gamma)
        x, root = _matrix(net.inputs), arb(m).sqrt()
        self.kernel = (x * x.transpose()).tolist()
        self.norms = [_norm(row) for row in self.kernel]
        halves = [[y.max(ZERO) for y in row] + [(-y).max(ZERO) for y in row] for row in self.kernel]
        self.halves = arb_mat(halves), arb_mat([row[n:] + row[:n] for row in halves])

        z = (x * _matrix(net.weights).transpose() * root).tolist()
        self.on = [bytearray(_sign(z[i][r]) for i in range(n)) for r in range(m)]
        self.sets = [sum(self.on[r][i] << r for r in range(m)) for i in range(n)]
        self.gram = arb_mat([[self.entry(i, j) for j in range(n)] for i in range(n)])
        residual = pulling = self.outputs(z)
        own, drift = [ZERO] * n, [[ZERO] * m] * n
        if net.start == "extrapolated":
            pulling = own
        elif net.before:
            y = (x * _matrix(net.before).transpose() * root).tolist()
            same = all(_sign(y[i][r]) == self.on[r][i] for i in range(n) for r in range(m))
            _need(same, "equal patterns at the two given steps")
            pulling = self.outputs(y)
            drift = [[self.beta * (a - b) for a, b in zip(*rows, strict=True)] for rows in zip(z, y, strict=True)]
            own = [sum((drift[i][r] * net.signs[r] for r in range(m) if self.on[r][i]), ZERO) / m for i in range(n)]
        forced = self.eta * self.gamma * _matrix([pulling]).transpose()
        self.error = self.sum_error = self.speed_error = ZERO
        self.keep(_matrix([residual]).transpose(), _matrix([own]).transpose() + self.gram * forced)
        self.sum, self.speed = arb_mat(n, 1), -forced  # S and Q
        self.neurons = [(0, [z[i][r] for i in range(n)], [drift[i][r] for i in range(n)]) for r in range(m)]
        self.moved, self.stamp, self.rows, self.flips = [0.0] * n, [0] * m, {}, []
        self.heaps: list[list[tuple[float, int, int]]] = [[] for _ in range(n)]
        for r, i in ((r, i) for r in range(m) for i in range(n)):
            self.watch(r, i)

    def entry(self, i: int, j: int, kept: int = -1) -> arb:
        """H_ij, of the neurons in the set `kept`."""
        return self.kernel[i][j] * (self.sets[i] & self.sets[j] & kept).bit_count() / self.net.m

    def outputs(self, z: list[list[arb]]) -> list[arb]:
        """The residual f - y."""
        rows = [sum((v if a > 0 else -v for v, a in zip(row, self.net.signs, strict=True) if v > 0), ZERO) for row in z]
        return [f / self.net.m - arb(y) for f, y in zip(rows, self.net.targets, strict=True)]

    def keep(self, xi: arb_mat, h: arb_mat) -> None:
        """Midpoints of (xi, h); what that loses goes into the error, (6)."""
        h = arb_mat(self.net.n, 1) if self.net.plain else h
        self.xi, self.h = xi.mid(), h.mid()
        self.error = (self.error + _norm([v.rad() for v in [*xi.entries(), *h.entries()]])).upper()

    def driven(self, r: int, i: int, name: str, error: arb) -> arb:
        """a_r (K (A_r o S))_i, or with Q."""
        key = (name, i, ctx.prec)
        if key not in self.rows:
            vector = getattr(self, name).entries()
            self.rows[key] = [k * _wide(v, error) for k, v in zip(self.kernel[i], vector, strict=True)]
        return self.net.signs[r] * sum(compress(self.rows[key], self.on[r]), ZERO)

    def own(self, r: int, i: int) -> tuple[arb, arb]:
        """What the neuron is and how fast it moves on its own account, driven no more."""
        since, base, speed = self.neurons[r]
        left = self.beta ** (self.t - since)
        return base[i] + (1 - left) / (1 - self.beta) * speed[i], left * speed[i]

    def value(self, r: int, i: int) -> arb:
        """zeta_ri, (4)."""
        return self.own(r, i)[0] - self.driven(r, i, "sum", self.sum_error)

    def watch(self, r: int, i: int) -> None:
        """Note how far sample i may move before this neuron must be looked at again, (5)."""
        with ctx.workprec(LOW):
            margin = self.value(r, i).abs_lower() - (self.own(r, i)[1] / (1 - self.beta)).abs_upper()
            limit = math.nextafter(self.moved[i] + float(margin) * (1 - 2.0**-50), -math.inf) if margin > 0 else 0.0
            heapq.heappush(self.heaps[i], (limit, r, self.stamp[r]))

    def step(self) -> None:
        """Formulas (2), (3), (5), (6)."""
        pull, n = self.gram * self.xi, self.net.n
        xi, h = self.xi + self.h - self.push * pull, self.beta * self.h - self.lift * pull
        change, slack = self.speed + self.push * self.xi, (self.speed_error + self.push * self.error).upper()
        self.sum, self.sum_error = self.sum + change, (self.sum_error + slack).upper()
        self.speed = self.beta * self.speed + self.lift * self.xi
        self.speed_error = (self.beta * self.speed_error + abs(self.lift) * self.error).upper()
        self.error, self.t, self.rows = (self.error * self.growth()).upper(), self.t + 1, {}
        with ctx.workprec(LOW):
            ends = _matrix([[(s * x + slack).upper().max(ZERO)] for s in (1, -1) for x in change.entries()])
            for i, both in enumerate(zip(*((half * ends).entries() for half in self.halves), strict=True)):
                self.moved[i] = math.nextafter(
                    self.moved[i] + float(both[0].max(both[1]).upper()) * (1 + 2.0**-50), math.inf
                )
        seen = []
        for i, heap in enumerate(self.heaps):
            while heap and not heap[0][0] > self.moved[i]:
                seen.append((*heapq.heappop(heap)[1:], i))
        seen = [(r, i) for r, stamp, i in seen if stamp == self.stamp[r]]
        found = [(r, i) for r, i in seen if _sign(self.value(r, i)) != self.on[r][i]]
        for r, j in found:
            gain = self.net.signs[r] * (-1 if self.on[r][j] else 1)  # a_r times the change of A_rj
            xi[j, 0] += gain * self.value(r, j) / self.net.m
            h[j, 0] += gain * (self.own(r, j)[1] - self.driven(r, j, "speed", self.speed_error)) / self.net.m
            total = gain * _wide(self.sum[j, 0], self.sum_error)
            speed = gain * _wide(self.speed[j, 0], self.speed_error)
            own = [(*self.own(r, i), self.kernel[i][j]) for i in range(n)]
            self.neurons[r] = (self.t, [a + k * total for a, _, k in own], [b + k * speed for _, b, k in own])
            self.on[r][j] ^= 1
            self.sets[j] ^= 1 << r
            self.stamp[r] += 1
            self.flips.append((self.t, r, j))
        for i, j in ((i, j) for i in {i for _, i in found} for j in range(n)):
            self.gram[i, j] = self.gram[j, i] = self.entry(i, j)
        self.keep(xi, h)
        flipped = {r for r, _ in found}
        for r, i in {*seen, *((r, i) for r in flipped for i in range(n))}:
            self.watch(r, i)

    def growth(self) -> arb:
        """A bound on |N(eta H)|, (6)."""
        with ctx.workprec(LOW):
            sizes = [sum(map(abs, row), ZERO).upper() for row in self.gram.tolist()]
            z = self.eta * max(sizes, key=float)
            corner, gain = self.lift / self.eta, 1 + self.gamma
            squares = [(1 - gain * y) ** 2 + 1 + (corner * y) ** 2 + self.beta**2 for y in (ZERO, z)]
            return (z - 1).max(arb(1)) if self.net.plain else squares[0].max(squares[1]).sqrt()

    def conclude(self) -> None:
        """The argument about all later steps, (7) to (9), with the numbers that the file claims."""
        net, n, m = self.net, self.net.n, self.net.m
        low, high, rate, shear, energy = map(arb, net.numbers)
        loose = {r for r, _ in net.sliding}
        kept = ~sum(1 << r for r in loose)
        most = high - len(loose) * max((sum(map(abs, row), ZERO).upper() for row in self.kernel), key=float) / m
        _need(low > 0 and 0 < rate and rate < 1 and shear >= 0, "a rate below 1")
        for end, side in ((low, 1), (most, -1)):
            rows = [[side * (self.entry(i, j, kept) - (end if i == j else 0)) for j in range(n)] for i in range(n)]
            _definite(rows, "the bounds on the eigenvalues of H")
        jolt = self.eta * _norm([self.norms[i] * sum(j == i for _, j in net.sliding) / m for i in range(n)])
        for z in (self.eta * low, self.eta * high):
            a, c = 1 + self.beta - (1 + self.gamma) * z, self.beta - self.gamma * z
            square = (1 - (1 + self.gamma) * z) ** 2 + 1 + (self.lift / self.eta * z) ** 2 + self.beta**2
            inside = (
                not net.sliding and abs(c) <= rate**2 and abs(a) * rate <= rate**2 + c and square - 2 * c <= shear**2
            )
            _need(abs(1 - z) + jolt <= rate if net.plain else inside, "the rate")
        _need(energy >= _norm([*self.xi.entries(), *self.h.entries()]) + self.error, "the energy")
        carried = _norm([_wide(q, self.speed_error) for q in self.speed.entries()]) / (1 - self.beta)
        total = (1 / (1 - rate) + shear / (1 - rate) ** 2) * self.eta * (1 + self.gamma).max(1 / (1 - self.beta))
        for i, heap in enumerate(self.heaps):
            ahead = self.norms[i] * (carried + total * energy)
            edge = math.nextafter(self.moved[i] + float(ahead.upper()) * (1 + 2.0**-50), math.inf)
            for limit, r, stamp in heap:
                safe = stamp != self.stamp[r] or limit > edge or (r, i) in net.sliding
                _need(safe, f"that neuron {r} never changes on sample {i} again")
        last = max((t for t, r, i in self.flips if (r, i) not in net.sliding), default=0)
        _need((len(self.flips), last) == (net.flips, net.lock_in), "the number of flips and the step of the last")

    def verify(self) -> None:
        """Follow the training and check every claim; Refuted or Undecided when that fails."""
        net = self.net
        while True:
            stated, rows = net.enclosures.get(self.t), net.simulated[self.t : self.t + 1]
            for i, x in enumerate(self.xi.entries()):
                inside = not stated or (x - self.error >= stated[0][i] and x + self.error <= stated[1][i])
                near = all(abs(x - row[i]) + self.error <= net.distance for row in rows)
                _need(inside and near, f"the residual at step {self.t}, sample {i}")
            if self.t == net.applied:
                return self.conclude()
            self.step()


def main(arguments: list[str]) -> int:
    """Check the file named by the only argument; prints one line, returns the exit code."""
    try:
        net = Certificate(Path(arguments[0]))
    except Exception as e:  # whatever is wrong with it, it is no certificate
        print(f"no certificate: {type(e).__name__}: {' '.join(str(e).split())[:160]}")  # noqa: T201
        return 2
    bits, text, code = net.bits, "", 1
    while not text:
        try:
            with ctx.workprec(bits):
                Run(net).verify()
            rate, slides = float(net.numbers[2]), f" but of {len(net.sliding)} pairs" if net.sliding else ""
            text, code = f"proved, {bits} bits: no pattern{slides} changes after step {net.lock_in}; rate {rate:.6f}", 0
        except (Refuted, Undecided) as error:
            # a bound that fails may have been too coarse: once more, with twice the bits
            last = bits > net.bits if isinstance(error, Refuted) else 2 * bits > MAX_BITS
            text, bits = f"{type(error).__name__.lower()} with {bits} bits: {error}" if last else "", 2 * bits
    print(text)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
