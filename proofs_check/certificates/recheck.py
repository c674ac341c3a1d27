"""Verify a certificate from its file alone: `nag-ntk recheck FILE`, or `python recheck.py FILE`.

It reads the file, follows the training once more in ball arithmetic and checks all that is claimed about it. It imports
the standard library and python-flint, nothing else: neither JAX, nor the simulator, nor the code that made the file.
Formulas: docs/certificates.md.
Exit codes: 0 proved; 1 a claim fails, or is not decided with twice the bits; 2 no certificate: unreadable, altered, too
large, or more memory or time is needed than --memory and --seconds allow.
"""

import argparse
import hashlib
import json
import math
import os
import re
import resource
import stat
import subprocess
import sys
from collections import Counter
from itertools import compress, product
from pathlib import Path
from typing import Any

from flint import arb, arb_mat, ctx, fmpq

FORMAT = "nag-ntk certificate 2"
MAX_BITS, MAX_STEPS, LOW = 1 << 15, 10**6, 64  # LOW: bits for bounds
MAX_BYTES, MAX_PAIRS, MAX_WORK = 1 << 26, 1 << 22, 1 << 24  # of the file, samples times neurons, bits times steps
MEMORY, SECONDS = 4.0, 7200.0
NUMBER = re.compile(r"-?(0x[01](\.[0-9a-f]{1,13})?p[+-][0-9]{1,4}|[0-9]{1,4000}/[1-9][0-9]{0,3999})")
STEP = re.compile(r"0|[1-9][0-9]{0,6}")
CLAIMS = (
    "bits applied lock_in flips sliding lambda_min lambda_max rate shear metric contraction calm energy enclosures "
    "float64 distance"
)
ZERO, ONE, BITS = arb(0), arb(1), bytes([48, 49, *[0] * 254])


class Unproved(Exception):
    """A claim that does not hold, does not follow by its argument, or is left open by the precision in force."""


def need(holds: Any, claim: str) -> None:
    """Unproved unless it holds."""
    if not holds:
        raise Unproved(f"it does not show {claim}")


def shape(holds: Any, what: str) -> None:
    """ValueError unless a file has the form of a certificate."""
    if not holds:
        raise ValueError(what)


def texts(value: Any, length: int | None = None) -> list[str]:
    """A list of strings, of that many if told."""
    shape(type(value) is list and all(type(x) is str for x in value), f"expected a list of texts, got {value!r:.40}")
    shape(length in (None, len(value)), f"expected {length} rows, got {len(value)}")
    return value


def numbers(line: Any, length: int) -> list[Any]:
    """Floats in hexadecimal, or fractions p/q, as exact numbers."""
    words = line.split(" ") if type(line) is str else []
    fits = len(words) == length and all(NUMBER.fullmatch(x) for x in words)
    shape(fits, f"expected {length} finite numbers, got {line!r:.40}")
    return [fmpq(*map(int, x.split("/"))) if "/" in x else float.fromhex(x) for x in words]


def couples(value: Any) -> list[Any]:
    """A list of lists of two."""
    fits = type(value) is list and all(type(x) is list and len(x) == 2 for x in value)
    shape(fits, f"expected a list of pairs, got {value!r:.40}")
    return value


def whole(value: Any, most: int) -> int:
    """A whole number from 0 to most."""
    shape(type(value) is int and 0 <= value <= most, f"expected a whole number from 0 to {most}, got {value!r:.40}")
    return value


def keys(value: Any, names: str) -> None:
    """ValueError unless it is an object with these names and no other."""
    shape(type(value) is dict, f"expected an object, got {value!r:.40}")
    strange = sorted(set(names.split()) ^ set(value))
    shape(not strange, f"unknown or missing: {', '.join(strange)[:80]}")


def short(text: str) -> str:
    """A number of a file as the nearest float."""
    above, _, below = text.partition("/")
    return repr(int(above) / int(below) if below else float.fromhex(above))


def statement(problem: dict[str, Any], claim: dict[str, Any]) -> str:
    """The words for what a file claims."""
    method = ", ".join(f"{name} = {short(problem[name])}" for name in ("eta", "beta", "gamma"))
    pairs = f"those of {len(claim['sliding'])} (neuron, sample) pairs that may slide along the kink,"
    but = f", except {pairs}" if claim["sliding"] else ""
    rate, shear, energy = (short(claim[name]) for name in ("rate", "shear", "energy"))
    return (
        f"Training this network of {len(problem['weights'])} neurons on these {len(problem['inputs'])} samples in "
        f"exact arithmetic with {method} brings the loss to zero. After step {claim['lock_in']} no pattern changes "
        f"any more{but} and for all k >= 0 the residual at step {claim['applied']} + k is at most "
        f"(r^k + s k r^(k-1)) E with r = {rate}, s = {shear}, E = {energy}."
    )


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different."""
    shape(len(dict(pairs)) == len(pairs), "one name stands twice")
    return dict(pairs)


def no_float(text: str) -> None:
    """No number of a certificate is a float of JSON."""
    raise ValueError(f"expected whole numbers and texts, got {text[:40]}")


def content(path: Path) -> Any:
    """The JSON in a regular file of bounded size."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        about = os.fstat(file.fileno())
        shape(stat.S_ISREG(about.st_mode), "not a regular file")
        shape(about.st_size <= MAX_BYTES, f"the file has {about.st_size} bytes; at most {MAX_BYTES} are read")
        text = file.read(MAX_BYTES + 1).decode("utf-8")
    return json.loads(text, object_pairs_hook=once, parse_float=no_float, parse_constant=no_float)


def sign(value: arb) -> bool:
    """Whether it is at least 0."""
    need(value >= 0 or value < 0, "which sign a pre-activation has")
    return bool(value >= 0)


def norm(values: Any) -> arb:
    """A bound on the Euclidean norm."""
    return sum((x.abs_upper() ** 2 for x in values), ZERO).sqrt().upper()


def above(value: arb) -> float:
    """A float that is more than a value."""
    return math.nextafter(float(value.upper()), math.inf)


class Certificate:
    """What a file says, as exact numbers; whatever is wrong with its form raises an exception."""

    def __init__(self, path: Path) -> None:
        body = content(path)
        shape(isinstance(body, dict) and body.get("format") == FORMAT, f"not a {FORMAT}")
        keys(body, "format name statement versions problem claim digest")
        stated = body.pop("digest")
        if stated != hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest():
            raise ValueError("the digest does not fit: the file was altered or damaged")
        given, claim = body["problem"], body["claim"]
        keys(body["versions"], "python python-flint flint")
        keys(given, "inputs targets weights before signs eta beta gamma start")
        keys(claim, CLAIMS)
        texts([body["name"], given["signs"], *body["versions"].values()])
        inputs, weights, before = (texts(given[name]) for name in ("inputs", "weights", "before"))
        self.n, self.m, p = len(inputs), len(given["signs"]), len(inputs[0].split(" "))
        self.applied, self.bits = whole(claim["applied"], MAX_STEPS), whole(claim["bits"], MAX_BITS)
        self.lock_in, self.flips = whole(claim["lock_in"], MAX_STEPS), whole(claim["flips"], MAX_PAIRS * MAX_STEPS)
        pairs, work = self.n * max(self.n, self.m), self.bits * (self.applied + 1)
        shape(pairs <= MAX_PAIRS, f"samples times neurons (or samples) are {pairs}; at most {MAX_PAIRS} are followed")
        shape(work <= MAX_WORK, f"bits times steps are {work}; at most {MAX_WORK} are followed")
        self.inputs, self.weights = ([numbers(x, p) for x in rows] for rows in (inputs, weights))
        self.before = [numbers(x, p) for x in before]
        self.signs = [{"+": 1, "-": -1}[sign] for sign in given["signs"]]
        self.targets, self.start = numbers(given["targets"], self.n), given["start"]
        self.eta, self.beta, self.gamma = (numbers(given[name], 1)[0] for name in ("eta", "beta", "gamma"))
        self.plain = self.beta == 0 and self.gamma == 0
        self.bounds = [numbers(claim[x], 1)[0] for x in ("lambda_min", "lambda_max", "rate", "shear", "energy")]
        self.metric, self.distance = numbers(claim["metric"], 2), numbers(claim["distance"], 1)[0]
        self.contraction = [numbers(x, 2) for x in texts(claim["contraction"])]
        calm, rows = couples(claim["calm"]), couples(claim["sliding"])
        self.calm = {whole(t, self.applied): numbers(line, 3) for t, line in calm}
        self.sliding = {(whole(r, self.m - 1), whole(i, self.n - 1)) for r, i in rows}
        shape((len(self.calm), len(self.sliding)) == (len(calm), len(rows)), "calm or sliding says one twice")
        shape(type(claim["enclosures"]) is dict, "enclosures is no object")
        shape(all(STEP.fullmatch(t) for t in claim["enclosures"]), "enclosures: a name is no step")
        self.enclosures = {
            whole(int(t), self.applied): [numbers(x, self.n) for x in texts(pair, 2)]
            for t, pair in claim["enclosures"].items()
        }
        self.simulated = [numbers(x, self.n) for x in texts(claim["float64"])]
        sizes = len(self.weights) == self.m > 0 and len(self.before) == self.m * (self.start == "state")
        known = self.start in ("gradient", "extrapolated", "state") and self.eta > 0 and 0 <= self.beta < 1
        steps = len(self.simulated) - 1 <= self.applied
        if not (sizes and known and steps and self.gamma >= 0 and LOW <= self.bits):
            raise ValueError("shapes, start, step size, momentum, steps or precision out of range")
        words = statement(given, claim)
        shape(body["statement"] == words, f"the statement is not what the claims say, which is: {words}")


class Run:
    """A shadow of the training, formulas (1) to (7). A neuron is (t0, base, speed): its own since its last flip."""

    def __init__(self, net: Certificate) -> None:
        self.net, self.t, n, m = net, 0, net.n, net.m
        self.eta, self.beta, self.gamma = arb(net.eta), arb(net.beta), arb(net.gamma)
        self.push, self.long = self.eta * (1 + self.gamma), 1 / (1 - self.beta)
        self.lift = self.eta * (self.beta * (1 + self.gamma) - self.gamma)
        with ctx.workprec(max(ctx.prec, 2 * LOW)):
            x, root = arb_mat(net.inputs), arb(m).sqrt()
            self.kernel = (x * x.transpose()).tolist()
            z = (x * arb_mat(net.weights).transpose() * root).tolist()
            y = (x * arb_mat(net.before).transpose() * root).tolist() if net.before else []
        self.norms, self.lengths = [norm(row) for row in self.kernel], [self.kernel[i][i].sqrt() for i in range(n)]
        self.sizes = [[above(abs(k)) for k in row] for row in self.kernel]
        halves = [[k.max(ZERO) for k in row] + [(-k).max(ZERO) for k in row] for row in self.kernel]
        self.halves = arb_mat(halves), arb_mat([row[n:] + row[:n] for row in halves])
        pattern = [bytes(sign(v) for v in row) for row in z]
        self.on, self.gram = [bytearray(row) for row in zip(*pattern, strict=True)], arb_mat(n, n)
        self.sets = [int(row[::-1].translate(BITS), 2) for row in pattern]  # of the neurons active on a sample
        self.powers, self.totals, self.flips, self.rows = [ONE], [ZERO], [], {}  # beta^k and g(k) first
        self.cross, self.weight = map(arb, net.metric)
        self.gap, self.calm = self.weight - self.cross**2, False
        need(self.gap > 0, "a positive definite form")
        self.measure(range(n))
        residual, drift, own = self.outputs(z, pattern, net.targets), [[ZERO] * m] * n, [ZERO] * n
        pulling = own if net.start == "extrapolated" else residual
        if net.before:
            need([bytes(sign(v) for v in row) for row in y] == pattern, "equal patterns at the two given steps")
            pulling = self.outputs(y, pattern, net.targets)
            drift = [[self.beta * (a - b) for a, b in zip(*rows, strict=True)] for rows in zip(z, y, strict=True)]
            own = self.outputs(drift, pattern, [0.0] * n)
        forced = self.eta * self.gamma * arb_mat([pulling]).transpose()
        self.sum, self.speed = arb_mat(n, 1), (-forced).mid()  # S and Q
        self.error = self.h_error = self.bound = self.total = ZERO
        self.form = (self.scale * self.weight.sqrt() * norm((self.speed + forced).entries())).upper()
        self.keep(arb_mat([residual]).transpose(), arb_mat([own]).transpose() - self.gram * self.speed)
        self.neurons = [(0, *rows) for rows in zip(zip(*z, strict=True), zip(*drift, strict=True), strict=True)]
        self.moved, self.horizon, self.near = [0.0] * n, [-1.0] * n, [set[int]() for _ in range(n)]
        self.limits = [[0.0] * m for _ in range(n)]
        for i, r in product(range(n), range(m)):
            self.limit(r, i, z[i][r])

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
            self.top = max(sum(map(abs, row), ZERO).upper() for row in self.gram.tolist())
            z, worst, c, p, b = self.eta * self.top, ZERO, self.cross, self.weight, self.beta
            for u, v in ((ONE, ZERO), (1 - z * (1 + self.gamma), -z * self.lift / self.eta)):  # N = [[u, 1], [v, b]]
                first, mixed = u * u + 2 * c * u * v + p * v * v, u + c * (u * b + v) + p * v * b
                trace = (p * first - 2 * c * mixed + 1 + 2 * c * b + p * b * b) / self.gap
                turn = u * b - v  # no power: (0 +/- r) ** 2 is not a number in FLINT
                worst = worst.max((trace + (trace * trace - 4 * turn * turn).upper().max(ZERO).sqrt()) / 2)
            self.grows = (z - 1).max(ONE) if self.net.plain else worst.sqrt()
            self.scale = (self.net.m * self.top).sqrt()

    def keep(self, xi: arb_mat, h: arb_mat) -> None:
        """Midpoints of (xi, h); what that loses goes into the errors, (6)."""
        self.xi, self.h = xi.mid(), h.mid()
        self.error = (self.error + norm(v.rad() for v in xi.entries())).upper()
        self.h_error = (self.h_error + norm(v.rad() for v in h.entries())).upper()

    def off(self) -> arb:
        """How far weights and momentum of the exact run may be from those of the shadow, (7)."""
        out = ONE if self.net.plain else ((1 + self.weight) / self.gap).sqrt()
        return (self.bound * self.total if self.calm else self.form * out).upper()

    def near_by(self) -> arb:
        """How far the exact residual may be from the one kept."""
        return (self.error + self.off() * (self.top / self.net.m).sqrt()).upper()

    def driven(self, r: int, i: int, name: str) -> arb:
        """(K (A_r o S))_i, or with Q."""
        key = name, i, ctx.prec
        if key not in self.rows:
            self.rows[key] = [k * v for k, v in zip(self.kernel[i], getattr(self, name).entries(), strict=True)]
        return sum(compress(self.rows[key], self.on[r]), ZERO)

    def own(self, r: int, i: int) -> arb:
        """How fast zeta_ri moves on its own account."""
        return self.powers[self.t - self.neurons[r][0]] * self.neurons[r][2][i]

    def value(self, r: int, i: int) -> arb:
        """zeta_ri by (4)."""
        since, base, speed = self.neurons[r]
        carried, driven = base[i] + self.totals[self.t - since] * speed[i], self.driven(r, i, "sum")
        return carried - driven if self.net.signs[r] > 0 else carried + driven

    def limit(self, r: int, i: int, value: arb) -> None:
        """Note how far sample i may move before zeta_ri, which has this value now, must be looked at again, (5)."""
        margin = float((abs(value) - abs(self.own(r, i)) * self.long).lower()) * (1 - 2.0**-50)
        self.note(r, i, math.nextafter(self.moved[i] + max(0.0, margin), -math.inf))

    def note(self, r: int, i: int, limit: float) -> None:
        """Neuron r is to be looked at on sample i when that has moved to the limit."""
        self.limits[i][r] = limit
        (self.near[i].add if limit <= self.horizon[i] else self.near[i].discard)(r)

    def step(self) -> None:
        """Formulas (2), (3), (5), (6), (7)."""
        if self.t in self.net.calm:  # a stretch without flips begins, (8)
            low, rate, shear = map(arb, self.net.calm[self.t])
            self.contracts(low, self.top, rate, shear)
            self.total, self.calm = self.off(), True
            self.bound = (1 + shear / (1 - rate)).max((2 + self.long**2).sqrt())
        pull = self.gram * self.xi
        xi, h = self.xi + self.h - self.push * pull, self.beta * self.h - self.lift * pull
        total, speed = self.sum + self.speed + self.push * self.xi, self.beta * self.speed + self.lift * self.xi
        change, self.sum, self.speed = total.mid() - self.sum, total.mid(), speed.mid()
        self.totals.append(self.totals[-1] + self.powers[-1])
        self.powers.append(self.powers[-1] * self.beta)
        self.t, self.rows = self.t + 1, {}
        with ctx.workprec(LOW):
            lost, slower = (norm(v.rad() for v in column.entries()) for column in (total, speed))
            first, second = lost + self.push * self.error, slower + abs(self.lift) * self.error
            self.form = (self.grows * self.form + self.scale * (first + self.weight.sqrt() * second)).upper()
            self.total = (self.total + self.scale * (first + second)).upper()
            self.error = (self.error + self.h_error + self.top * lost).upper()
            self.h_error = (self.beta * self.h_error + self.top * slower).upper()
            ends = arb_mat([[(s * x).max(ZERO)] for s in (1, -1) for x in change.entries()])
            moves = [above(a.max(b)) for a, b in zip(*((half * ends).entries() for half in self.halves), strict=True)]
        self.look(moves, xi, h)
        self.keep(xi, h)

    def look(self, moves: list[float], xi: arb_mat, h: arb_mat) -> None:
        """Decide the signs that are due; what changes them does to (xi, h), the neurons and H."""
        before, off, due = len(self.flips), self.off(), []
        with ctx.workprec(LOW):
            for i, move in enumerate(moves):
                slack, limits = (self.lengths[i] * off).upper(), self.limits[i]
                self.moved[i] = math.nextafter(self.moved[i] + move, math.inf)
                edge = math.nextafter(self.moved[i] + above(slack), math.inf)
                if edge >= self.horizon[i]:
                    self.horizon[i] = edge + 32 * move
                    self.near[i] = {r for r, x in enumerate(limits) if x <= self.horizon[i]}
                due += [(r, i, self.value(r, i), slack) for r in self.near[i] if limits[r] <= edge]
        for r, i, value, slack in due:
            if not (value.rel_accuracy_bits() > 20 and abs(value) > slack and (value > 0) == self.on[r][i]):
                value = self.value(r, i)  # what LOW bits leave blurred is looked at again
                if sign(arb(value.mid(), value.rad() + slack)) != self.on[r][i]:
                    self.flip(r, i, value, xi, h)
            self.limit(r, i, value)
        changed = {j for _, _, j in self.flips[before:]}
        if changed:
            self.form, self.calm = (1 + self.weight).sqrt() * off if self.calm else self.form, False
            self.measure(changed)

    def flip(self, r: int, j: int, value: arb, xi: arb_mat, h: arb_mat) -> None:
        """Change A_rj, below (2) and (4)."""
        gain = self.net.signs[r] * (-1 if self.on[r][j] else 1)  # a_r times the change of A_rj
        xi[j, 0] += gain * value / self.net.m
        h[j, 0] += gain * (self.own(r, j) - self.net.signs[r] * self.driven(r, j, "speed")) / self.net.m
        since, base, speed = self.neurons[r]
        share, left = self.totals[self.t - since], self.powers[self.t - since]
        pull, push = gain * self.sum[j, 0], gain * self.speed[j, 0]
        base = [b + share * v + k * pull for b, v, k in zip(base, speed, self.kernel[j], strict=True)]
        speed = [left * v + k * push for v, k in zip(speed, self.kernel[j], strict=True)]
        self.neurons[r] = self.t, tuple(base), tuple(speed)
        self.on[r][j] ^= 1
        self.sets[j] ^= 1 << r
        self.flips.append((self.t, r, j))
        thrust = above(abs(push) * self.long)
        for i, size in enumerate(() if self.net.plain else self.sizes[j]):
            x = self.limits[i][r] - size * thrust
            self.note(r, i, x - 2.0**-50 * (size * thrust + abs(x)))

    def contracts(self, low: arb, high: arb, rate: arb, shear: arb) -> None:
        """Show that the eigenvalues of H lie between low and high, and the bound (8) on the powers of N(eta H)."""
        need(low > 0 and 0 < rate and rate < 1 and shear >= 0, "a rate below 1")
        for z in (self.eta * low, self.eta * high):
            a, c = 1 + self.beta - (1 + self.gamma) * z, self.beta - self.gamma * z
            first, corner = a - self.beta, self.lift / self.eta * z
            square = first * first + 1 + corner * corner + self.beta * self.beta
            inside = abs(c) <= rate**2 and abs(a) * rate <= rate**2 + c and square - 2 * c <= shear**2
            need(abs(1 - z) <= rate if self.net.plain else inside, "the rate")
        self.beyond([low] * self.net.n)
        if high is not self.top:
            self.beyond([high] * self.net.n, -1)

    def beyond(self, ends: list[arb], side: int = 1, kept: int = -1) -> None:
        """Show by elimination that H, of the neurons kept, is on that side of a diagonal matrix."""
        n = range(self.net.n)
        rows = [[side * (self.entry(i, j, kept) - (ends[i] if i == j else 0)) for j in n] for i in n]
        while rows:
            first, rows = rows[0], rows[1:]
            need(first[0] > 0, "the bounds on the eigenvalues of H")
            rows = [[a - row[0] / first[0] * b for a, b in zip(row[1:], first[1:], strict=True)] for row in rows]

    def slides(self, low: arb, high: arb, rate: arb, shear: arb) -> None:
        """The rate of gradient descent while some pairs change sign at will, (9) or (10)."""
        net, n, sets, each = self.net, range(self.net.n), list(self.sets), Counter(r for r, _ in self.net.sliding)
        need(net.plain and low > 0 and 0 < rate and rate < 1 and shear >= 0, "a rate below 1")
        for r, i in net.sliding:
            sets[i] |= 1 << r
        for row, one in zip(self.kernel, sets, strict=True):
            size = sum((abs(k) * (one & other).bit_count() for k, other in zip(row, sets, strict=True)), ZERO)
            need(size / net.m <= high, "the bounds on the eigenvalues of H")
        here = [[each[r] for r, j in net.sliding if i == j] for i in n]
        jolt = max((self.kernel[i][i] * len(here[i]) * max(each.values()) / net.m).upper() for i in n)
        steady = (1 - self.eta * low).max(self.eta * high - 1)
        steady += self.eta * norm(self.norms[i] * len(here[i]) / net.m for i in n)
        gain = 2 - self.eta * high - 2 * self.eta * (high * jolt).sqrt() - self.eta * jolt
        need(steady <= rate or (gain > 0 and 1 - self.eta * gain * low <= rate**2), "the rate, with pairs that slide")
        pays = [ZERO if steady <= rate else self.kernel[i][i] * sum(here[i]) / (net.m * gain**2) for i in n]
        self.beyond([low + x for x in pays], 1, ~sum(1 << r for r in each))

    def conclude(self) -> None:
        """The argument about all later steps, (8) to (10), with the numbers that the file claims."""
        net, (low, high, rate, shear, energy) = self.net, map(arb, self.net.bounds)
        (self.slides if net.sliding else self.contracts)(low, high, rate, shear)
        need(energy >= norm([*self.xi.entries(), *self.h.entries()]) + self.h_error + self.near_by(), "the energy")
        rest = norm(self.speed.entries()) * self.long
        rest += (1 / (1 - rate) + shear / (1 - rate) ** 2) * self.eta * (1 + self.gamma).max(self.long) * energy
        for i, limits in enumerate(self.limits):
            ahead = self.norms[i] * rest + self.lengths[i] * self.off() * (1 if net.plain else 1 + self.long)
            edge = math.nextafter(self.moved[i] + above(ahead), math.inf)
            for r in [r for r, x in enumerate(limits) if not x > edge and (r, i) not in net.sliding]:
                self.limit(r, i, self.value(r, i))  # as it is now
                need(limits[r] > edge, f"that neuron {r} never changes on sample {i} again")
        last = max((t for t, r, i in self.flips if (r, i) not in net.sliding), default=0)
        need((len(self.flips), last) == (net.flips, net.lock_in), "the number of flips and the step of the last")


def verify(net: Certificate) -> None:
    """Follow the training and check every claim; Unproved when one fails."""
    run, path = Run(net), []
    for t in range(net.applied + 1):
        if t:
            run.step()
        stated, rows, slack = net.enclosures.get(t), net.simulated[t : t + 1], run.near_by()
        for i, x in enumerate(run.xi.entries()):
            inside = not stated or (x - slack >= stated[0][i] and x + slack <= stated[1][i])
            inside = inside and all(abs(x - row[i]) + slack <= net.distance for row in rows)
            need(inside, f"the residual at step {t}, sample {i}")
        size = sum((x * x for x in run.xi.entries()), ZERO).sqrt()
        path.append((size - slack, size + slack))
    run.conclude()
    shrinks(net, path)


def shrinks(net: Certificate, path: list[tuple[arb, arb]]) -> None:
    """Show |V(t)| <= c rho^t |V(0)| for all t, by bounds on |xi(t)| up to the last step and the rate after it, (11)."""
    _, _, rate, shear, energy = map(arb, net.bounds)
    both = 0 if net.plain else 1  # V(t) = [xi(t); xi(t-1)], xi(-1) = xi(0); for gradient descent xi(t)
    for c, rho in ((arb(c), arb(rho)) for c, rho in net.contraction):
        bound, last = c * path[0][0] * arb(1 + both).sqrt(), path[0][1]
        need(net.start != "state" and c >= 1 and rate < rho, "the contraction: prefactor below 1, rate or start")
        for t, (_, size) in enumerate(path[1:], 1):
            bound *= rho
            need((size**2 + both * last**2).sqrt() <= bound, f"the contraction at step {t}")
            last = size
        need(arb(2).sqrt() * energy * (1 + shear / (rate - rate**2 / rho)) / rate <= bound, "the contraction for ever")


def main(arguments: list[str]) -> int:
    """Check the file named by the only argument; prints one line, returns the exit code."""
    try:
        net = Certificate(Path(arguments[0]))
    except Exception as e:  # whatever is wrong with it, it is no certificate
        print(f"no certificate: {type(e).__name__}: {' '.join(ascii(str(e))[1:-1].split())[:160]}")
        return 2
    for bits in (net.bits, 2 * net.bits):  # a bound that fails may have been too coarse
        try:
            with ctx.workprec(bits):
                verify(net)
        except Unproved as error:
            text = f"not proved with {bits} bits: {error}"
        else:
            but, rate = f" but of {len(net.sliding)} pairs" if net.sliding else "", float(net.bounds[2])
            print(f"proved, {bits} bits: no pattern{but} changes after step {net.lock_in}; rate {rate:.6f}")
            return 0
    print(text)
    return 1


def bounded(path: str, memory: float, seconds: float) -> int:
    """The same in a process of its own with that many GiB and seconds; 2 when one of them does not suffice."""
    command = [sys.executable, "-I", __file__, "--inner", str(int(memory * 2**30)), str(math.ceil(seconds)), path]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode in (0, 1, 2) and done.stdout.count("\n") == 1:
        print(done.stdout, end="")
        return done.returncode
    print(f"no verdict: {memory:g} GiB of memory and {seconds:g} s do not suffice; see --memory and --seconds")
    return 2


def program(arguments: list[str]) -> int:
    """The command line."""
    if arguments[:1] == ["--inner"]:
        memory, seconds = map(int, arguments[1:3])
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        return main(arguments[3:])
    parser = argparse.ArgumentParser(description="Verify a certificate from its file alone.")
    parser.add_argument("file")
    parser.add_argument("--memory", type=float, default=MEMORY, help="GiB of memory at most [%(default)s]")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds of a core at most [%(default)s]")
    given = parser.parse_args(arguments)
    return bounded(given.file, given.memory, given.seconds)


if __name__ == "__main__":
    sys.exit(program(sys.argv[1:]))
