"""Verify a certificate from its file alone: `nag-ntk recheck FILE`, or `python recheck.py FILE`.

The program reads the file, follows the training once more in ball arithmetic and checks all that is claimed about it.
It imports the standard library and python-flint, nothing else: neither JAX, nor the simulator, nor the code that made
the file. Formulas, by their numbers, and symbols are those of docs/certificates.md. An inequality between balls is
true only if it holds of all numbers in them.
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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flint import arb, arb_mat, ctx, fmpq, fmpz_mat

FORMAT = "nag-ntk certificate 2"
MAX_BITS, MAX_STEPS = 1 << 15, 10**6
MAX_BYTES, MAX_PAIRS, MAX_WORK = 1 << 27, 1 << 22, 1 << 24  # of the file, samples times neurons, bits times steps
MEMORY, SECONDS = 4.0, 7200.0  # GiB and seconds allowed by default
LOW = 64  # bits for bounds
NUMBER = re.compile(r"-?(0x[01](\.[0-9a-f]{1,13})?p[+-][0-9]{1,4}|[0-9]{1,4000}/[1-9][0-9]{0,3999})")
STEP = re.compile(r"0|[1-9][0-9]{0,6}")
CLAIMS = (
    "bits applied lock_in flips sliding lambda_min lambda_max rate shear metric contraction calm energy enclosures "
    "float64 distance"
)
PROBLEM = "inputs targets weights before signs eta beta gamma start"
ZERO, ONE = arb(0), arb(1)


# 1. Parse: the file as exact numbers. Whatever is wrong with its form raises an exception.


def require(holds: Any, message: str) -> None:
    """Raise ValueError with the message unless a condition on the form of the file holds."""
    if not holds:
        raise ValueError(message)


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; refuse a name that occurs twice."""
    require(len(dict(pairs)) == len(pairs), "one name stands twice")
    return dict(pairs)


def refuse_float(text: str) -> None:
    """Refuse a JSON float: a certificate writes its numbers as whole numbers and texts."""
    raise ValueError(f"expected whole numbers and texts, got {text[:40]}")


def read_json(path: Path) -> Any:
    """Read JSON from a regular file of bounded size."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        require(stat.S_ISREG(status.st_mode), "not a regular file")
        require(status.st_size <= MAX_BYTES, f"the file has {status.st_size} bytes; at most {MAX_BYTES} are read")
        text = file.read(MAX_BYTES + 1).decode("utf-8")
    return json.loads(text, object_pairs_hook=unique_names, parse_float=refuse_float, parse_constant=refuse_float)


def read_body(path: Path, form: str, names: str = PROBLEM) -> dict[str, Any]:
    """Read a certificate of this format; check its digest and the names in it, those of the claims excepted."""
    body = read_json(path)
    require(isinstance(body, dict) and body.get("format") == form, f"not a {form}")
    check_names(body, "format name statement versions problem claim digest")
    digest = body.pop("digest")
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    fits = digest == hashlib.sha256(text.encode()).hexdigest()
    require(fits, "the digest does not fit: the file was altered or damaged")
    check_names(body["versions"], "python python-flint flint")
    check_names(body["problem"], names)
    texts([body["name"], *body["versions"].values()])
    return body


def check_names(value: Any, names: str) -> None:
    """Require an object with exactly these names, which a space separates."""
    require(type(value) is dict, f"expected an object, got {value!r:.40}")
    strange = sorted(set(names.split()) ^ set(value))
    require(not strange, f"unknown or missing: {', '.join(strange)[:80]}")


def texts(value: Any, length: int | None = None) -> list[str]:
    """Return a value unchanged if it is a list of strings, of the given length unless that is None."""
    require(type(value) is list and all(type(x) is str for x in value), f"expected a list of texts, got {value!r:.40}")
    require(length in (None, len(value)), f"expected {length} rows, got {len(value)}")
    return value


def couples(value: Any) -> list[Any]:
    """Return a value unchanged if it is a list of lists of length 2."""
    fits = type(value) is list and all(type(x) is list and len(x) == 2 for x in value)
    require(fits, f"expected a list of pairs, got {value!r:.40}")
    return value


def whole(value: Any, most: int) -> int:
    """Return a value unchanged if it is a whole number from 0 to `most`."""
    require(type(value) is int and 0 <= value <= most, f"expected a whole number from 0 to {most}, got {value!r:.40}")
    return value


def numbers(line: Any, length: int) -> list[Any]:
    """Parse a line of hexadecimal floats and fractions p/q into exact numbers."""
    words = line.split(" ") if type(line) is str else []
    fits = len(words) == length and all(NUMBER.fullmatch(x) for x in words)
    require(fits, f"expected {length} finite numbers, got {line!r:.40}")
    return [fmpq(*map(int, x.split("/"))) if "/" in x else float.fromhex(x) for x in words]


def nearest_float(text: str) -> str:
    """Write a number of the file as the nearest float."""
    numerator, _, denominator = text.partition("/")
    return repr(int(numerator) / int(denominator) if denominator else float.fromhex(numerator))


def statement(problem: dict[str, Any], claim: dict[str, Any]) -> str:
    """Write the claims of a file as one sentence."""
    method = ", ".join(f"{name} = {nearest_float(problem[name])}" for name in ("eta", "beta", "gamma"))
    pairs = f"those of {len(claim['sliding'])} (neuron, sample) pairs that may slide along the kink,"
    exception = f", except {pairs}" if claim["sliding"] else ""
    rate, shear, energy = (nearest_float(claim[name]) for name in ("rate", "shear", "energy"))
    return (
        f"Training this network of {len(problem['weights'])} neurons on these {len(problem['inputs'])} samples in "
        f"exact arithmetic with {method} brings the loss to zero. After step {claim['lock_in']} no pattern changes "
        f"any more{exception} and for all k >= 0 the residual at step {claim['applied']} + k is at most "
        f"(r^k + s k r^(k-1)) E with r = {rate}, s = {shear}, E = {energy}."
    )


class Certificate:
    """The contents of a file: a problem (n samples, m neurons, weights, method) and the claims about it."""

    def __init__(self, path: Path) -> None:
        body = read_body(path, FORMAT)
        problem, claim = body["problem"], body["claim"]
        check_names(claim, CLAIMS)
        self.read_sizes(problem, claim)
        self.read_problem(problem)
        self.read_claim(claim)
        self.check_ranges()
        words = statement(problem, claim)
        require(body["statement"] == words, f"the statement is not what the claims say, which is: {words}")

    def read_sizes(self, problem: dict[str, Any], claim: dict[str, Any]) -> None:
        """Read the counts, and refuse more work than is allowed before any number is parsed."""
        texts([problem["signs"]])
        self.n, self.m = len(texts(problem["inputs"])), len(problem["signs"])
        self.applied, self.bits = whole(claim["applied"], MAX_STEPS), whole(claim["bits"], MAX_BITS)
        self.lock_in, self.flips = whole(claim["lock_in"], MAX_STEPS), whole(claim["flips"], MAX_PAIRS * MAX_STEPS)
        pairs, work = self.n * max(self.n, self.m), self.bits * (self.applied + 1)
        require(pairs <= MAX_PAIRS, f"samples times neurons (or samples) are {pairs}; at most {MAX_PAIRS} are followed")
        require(work <= MAX_WORK, f"bits times steps are {work}; at most {MAX_WORK} are followed")

    def read_problem(self, problem: dict[str, Any]) -> None:
        """Read the network, its data and the method."""
        length = len(problem["inputs"][0].split(" "))
        lists = (texts(problem[name]) for name in ("inputs", "weights", "before"))
        self.inputs, self.weights, self.before = ([numbers(row, length) for row in rows] for rows in lists)
        self.signs = [{"+": 1, "-": -1}[sign] for sign in problem["signs"]]
        self.read_method(problem)

    def read_method(self, problem: dict[str, Any]) -> None:
        """Read the targets and the method."""
        self.targets, self.start = numbers(problem["targets"], self.n), problem["start"]
        self.eta, self.beta, self.gamma = (numbers(problem[name], 1)[0] for name in ("eta", "beta", "gamma"))
        self.gradient_descent = self.beta == 0 and self.gamma == 0

    def read_claim(self, claim: dict[str, Any]) -> None:
        """Read the claims; refuse steps and pairs out of range, and those that occur twice."""
        self.bounds = [numbers(claim[x], 1)[0] for x in ("lambda_min", "lambda_max", "rate", "shear", "energy")]
        self.metric, self.distance = numbers(claim["metric"], 2), numbers(claim["distance"], 1)[0]
        self.contraction = [numbers(line, 2) for line in texts(claim["contraction"])]
        calm, sliding = couples(claim["calm"]), couples(claim["sliding"])
        self.calm = {whole(t, self.applied): numbers(line, 3) for t, line in calm}
        self.sliding = {(whole(r, self.m - 1), whole(i, self.n - 1)) for r, i in sliding}
        require((len(self.calm), len(self.sliding)) == (len(calm), len(sliding)), "calm or sliding says one twice")
        require(type(claim["enclosures"]) is dict, "enclosures is no object")
        require(all(STEP.fullmatch(t) for t in claim["enclosures"]), "enclosures: a name is no step")
        self.enclosures = {
            whole(int(t), self.applied): [numbers(line, self.n) for line in texts(ends, 2)]
            for t, ends in claim["enclosures"].items()
        }
        self.simulated = [numbers(line, self.n) for line in texts(claim["float64"])]

    def summary(self) -> str:
        """Say in one line what was proved."""
        exception = f" but of {len(self.sliding)} pairs" if self.sliding else ""
        return f"no pattern{exception} changes after step {self.lock_in}; rate {float(self.bounds[2]):.6f}"

    def check_ranges(self) -> None:
        """Require that the shapes agree and that the proof covers the method."""
        sizes = len(self.weights) == self.m > 0 and len(self.before) == self.m * (self.start == "state")
        start = self.start in ("gradient", "extrapolated", "state") and len(self.simulated) - 1 <= self.applied
        method = self.eta > 0 and 0 <= self.beta < 1 and self.gamma >= 0 and self.bits >= LOW
        require(sizes and start and method, "shapes, start, step size, momentum, steps or precision out of range")


# 2. Follow: the training once more, formulas (1) to (7).


class Unproved(Exception):
    """A claim is false, does not follow by its argument, or is not decided at this precision."""


def need(holds: Any, claim: str) -> None:
    """Raise Unproved with the claim unless a step of the proof holds."""
    if not holds:
        raise Unproved(f"it does not show {claim}")


def is_active(value: arb) -> bool:
    """Return True if a pre-activation is at least 0; raise Unproved if its ball does not decide it."""
    need(value >= 0 or value < 0, "which sign a pre-activation has")
    return bool(value >= 0)


def norm(values: Iterable[arb]) -> arb:
    """Return an upper bound on the Euclidean norm."""
    return sum((x.abs_upper() ** 2 for x in values), ZERO).sqrt().upper()


def radii(matrix: arb_mat) -> arb:
    """Return an upper bound, in the Euclidean norm, on the change if the entries are replaced by their midpoints."""
    return norm(x.rad() for x in matrix.entries())


def above(value: arb) -> float:
    """Return a float that is larger than a value."""
    return math.nextafter(float(value.upper()), math.inf)


def patterns(z: list[list[arb]]) -> list[set[int]]:
    """Return for each neuron the samples on which it is active."""
    return [{i for i, value in enumerate(row) if is_active(value)} for row in z]


def active_together(active: list[set[int]], n: int) -> list[list[int]]:
    """Count for every two samples the neurons that are active on both: the product of the pattern with itself."""
    pattern = fmpz_mat([[int(i in samples) for i in range(n)] for samples in active])
    return [[int(count) for count in row] for row in (pattern.transpose() * pattern).tolist()]


class Run:
    """A shadow of the training, which is a network known exactly, and bounds on how far the exact run is from it.

    The names are the symbols of docs/certificates.md: K, H, S, Q, eta_plus, ell, e_xi, e_h. Besides,
        xi, h: the midpoints x and y of (6)
        active[r]: the samples i with A_ri = 1; together[i][j]: how many neurons have A_ri = A_rj = 1
        neurons[r]: (tau, b_r, d_r) of (4); powers[k]: beta^k; sums[k]: g(k); reach: 1 / (1 - beta)
        moved[i]: D_i of (5); limits[i][r]: the D_i before which zeta_ri need not be looked at
        cross, weight: c and p of the form, gap: p - c^2; form: |e|_P; growth: by what it grows in a step
        rest: all |delta| since the pattern rests and |e| before; power_bound: B; scale: sqrt(m |H|)
    """

    def __init__(self, net: Certificate) -> None:
        self.net, self.t, self.flips = net, 0, []
        self.eta, self.beta, self.gamma = arb(net.eta), arb(net.beta), arb(net.gamma)
        self.eta_plus, self.reach = self.eta * (1 + self.gamma), 1 / (1 - self.beta)
        self.ell = self.eta * (self.beta * (1 + self.gamma) - self.gamma)
        self.powers, self.sums = [ONE], [ZERO]
        with ctx.workprec(max(ctx.prec, 2 * LOW)):
            inputs, root = arb_mat(net.inputs), arb(net.m).sqrt()
            self.K = (inputs * inputs.transpose()).tolist()
            z = (arb_mat(net.weights) * inputs.transpose() * root).tolist()
            before = (arb_mat(net.before) * inputs.transpose() * root).tolist() if net.before else []
        self.norms, self.lengths = [norm(row) for row in self.K], [self.K[i][i].sqrt() for i in range(net.n)]
        self.sizes = [[above(abs(x)) for x in row] for row in self.K]
        self.active = patterns(z)
        self.together = active_together(self.active, net.n)
        self.cross, self.weight = map(arb, net.metric)
        self.gap = self.weight - self.cross**2
        need(self.gap > 0, "a positive definite form")
        self.H = arb_mat(net.n, net.n)
        self.update_gram(range(net.n))
        self.begin(z, before)
        self.watch_all(z)

    def begin(self, z: list[list[arb]], before: list[list[arb]]) -> None:
        """Set the state at step 0 from zeta(0) and, where two steps are given, zeta(-1)."""
        net, d = self.net, [[ZERO] * self.net.n] * self.net.m
        xi = self.outputs(z, net.targets)
        forcing = [ZERO] * net.n if net.start == "extrapolated" else xi  # xi(-1)
        if before:
            need(patterns(before) == self.active, "equal patterns at the two given steps")
            forcing = self.outputs(before, net.targets)
            d = [[self.beta * (a - b) for a, b in zip(*rows, strict=True)] for rows in zip(z, before, strict=True)]
        forced = self.eta * self.gamma * arb_mat([forcing]).transpose()
        self.S, self.Q = arb_mat(net.n, 1), (-forced).mid()
        self.form = (self.scale * self.weight.sqrt() * norm((self.Q + forced).entries())).upper()
        self.e_xi = self.e_h = self.rest = self.power_bound = ZERO
        self.at_rest = False
        h = arb_mat([self.outputs(d, [0.0] * net.n)]).transpose() - self.H * self.Q
        self.set_state(arb_mat([xi]).transpose(), h)
        self.neurons = [(0, *rows) for rows in zip(z, d, strict=True)]

    def outputs(self, values: list[list[arb]], targets: list[Any]) -> list[arb]:
        """Return (1/m) sum_r a_r A_ri z_ri - y_i of every sample i, for values z and targets y."""
        totals = [ZERO] * self.net.n
        for row, sign, samples in zip(values, self.net.signs, self.active, strict=True):
            for i in samples:
                totals[i] += sign * row[i]
        return [total / self.net.m - arb(y) for total, y in zip(totals, targets, strict=True)]

    def update_gram(self, samples: Iterable[int]) -> None:
        """Set the rows of H of samples on which neurons flipped, a bound on |H| and what depends on it."""
        for i in samples:
            for j, count in enumerate(self.together[i]):
                self.H[i, j] = self.H[j, i] = self.K[i][j] * count / self.net.m
        with ctx.workprec(LOW):
            self.H_norm = max(sum(map(abs, row), ZERO).upper() for row in self.H.tolist())
            self.scale = (self.net.m * self.H_norm).sqrt()
            z = self.eta * self.H_norm
            self.growth = (z - 1).max(ONE) if self.net.gradient_descent else self.stretch(ZERO).max(self.stretch(z))

    def stretch(self, z: arb) -> arb:
        """Bound the norm of N(z) = [[u, 1], [v, beta]] in the form, below (7)."""
        b, c, p = self.beta, self.cross, self.weight
        u, v = 1 - (1 + self.gamma) * z, -z * self.ell / self.eta
        first, mixed = u * u + 2 * c * u * v + p * v * v, u + c * (u * b + v) + p * v * b  # entries of N^T P N
        last = 1 + 2 * c * b + p * b * b
        trace = (p * first - 2 * c * mixed + last) / self.gap  # of P^-1 N^T P N
        determinant = (u * b - v) * (u * b - v)  # no power: (0 +/- r) ** 2 is not a number in FLINT
        return ((trace + (trace * trace - 4 * determinant).upper().max(ZERO).sqrt()) / 2).sqrt()

    def set_state(self, xi: arb_mat, h: arb_mat) -> None:
        """Keep the midpoints of (xi, h) and add the radii to the errors, (6)."""
        self.xi, self.h = xi.mid(), h.mid()
        self.e_xi, self.e_h = (self.e_xi + radii(xi)).upper(), (self.e_h + radii(h)).upper()

    def distance(self) -> arb:
        """Bound the distance |e| of the exact run from the shadow in weights and momentum, (7)."""
        out = ONE if self.net.gradient_descent else ((1 + self.weight) / self.gap).sqrt()
        return (self.power_bound * self.rest if self.at_rest else self.form * out).upper()

    def residual_error(self) -> arb:
        """Bound the distance of the exact residual from `xi`."""
        return (self.e_xi + self.distance() * (self.H_norm / self.net.m).sqrt()).upper()

    def products(self, i: int, vector: arb_mat) -> list[arb]:
        """Return K_ij times entry j of S or Q, for all j."""
        return [k * x for k, x in zip(self.K[i], vector.entries(), strict=True)]

    def value(self, r: int, i: int, products: list[arb] | None = None) -> arb:
        """Return zeta_ri by (4), with the products of K_i and S where they are at hand."""
        tau, b, d = self.neurons[r]
        driven = self.driven(r, products or self.products(i, self.S))
        carried = b[i] + self.sums[self.t - tau] * d[i]
        return carried - driven if self.net.signs[r] > 0 else carried + driven

    def driven(self, r: int, products: list[arb]) -> arb:
        """Return (K (A_r o S))_i, or the same of Q, from the products."""
        return sum([products[j] for j in self.active[r]], ZERO)

    def own_speed(self, r: int, i: int) -> arb:
        """Return by how much zeta_ri moves in the next step on its own account, beta^(t - tau) d_ri."""
        tau, _, d = self.neurons[r]
        return self.powers[self.t - tau] * d[i]

    def watch_all(self, z: list[list[arb]]) -> None:
        """Set the limits of all pairs at step 0."""
        n, m = self.net.n, self.net.m
        self.moved, self.limits = [0.0] * n, [[0.0] * m for _ in range(n)]
        self.horizon, self.candidates = [-1.0] * n, [set[int]() for _ in range(n)]
        for r, row in enumerate(z):
            for i, value in enumerate(row):
                self.watch(r, i, value)

    def watch(self, r: int, i: int, value: arb) -> None:
        """Set the limit of zeta_ri by (5): the D_i up to which its sign stays that of this value, its present one."""
        margin = float((abs(value) - abs(self.own_speed(r, i)) * self.reach).lower()) * (1 - 2.0**-50)
        self.set_limit(r, i, math.nextafter(self.moved[i] + max(0.0, margin), -math.inf))

    def set_limit(self, r: int, i: int, limit: float) -> None:
        """Set the limit of a pair. `candidates[i]` are the neurons whose limit is within `horizon[i]`."""
        self.limits[i][r] = limit
        if limit <= self.horizon[i]:
            self.candidates[i].add(r)
        else:
            self.candidates[i].discard(r)

    def step(self) -> None:
        """Take one step of the training, (2) and (3)."""
        if self.t in self.net.calm:
            self.begin_rest(*map(arb, self.net.calm[self.t]))
        pull = self.H * self.xi
        xi, h = self.xi + self.h - self.eta_plus * pull, self.beta * self.h - self.ell * pull
        S, Q = self.S + self.Q + self.eta_plus * self.xi, self.beta * self.Q + self.ell * self.xi
        change, self.S, self.Q = S.mid() - self.S, S.mid(), Q.mid()
        self.t += 1
        self.sums.append(self.sums[-1] + self.powers[-1])
        self.powers.append(self.powers[-1] * self.beta)
        with ctx.workprec(LOW):
            self.add_errors(radii(S), radii(Q))
            moves = [self.movement(i, change) for i in range(self.net.n)]
        self.update_signs(moves, xi, h)
        self.set_state(xi, h)

    def begin_rest(self, low: arb, rate: arb, shear: arb) -> None:
        """Bound the distance by powers of N from here on, below (7), once (8) is shown with these numbers."""
        contracts(self, low, self.H_norm, rate, shear)
        self.rest, self.at_rest = self.distance(), True
        self.power_bound = (1 + shear / (1 - rate)).max((2 + self.reach**2).sqrt())

    def add_errors(self, rho_S: arb, rho_Q: arb) -> None:
        """Advance the bounds of (6) and (7) by a step in which S and Q were rounded by rho_S and rho_Q."""
        delta_w, delta_v = rho_S + self.eta_plus * self.e_xi, rho_Q + abs(self.ell) * self.e_xi  # over sqrt(m |H|)
        self.form = (self.growth * self.form + self.scale * (delta_w + self.weight.sqrt() * delta_v)).upper()
        self.rest = (self.rest + self.scale * (delta_w + delta_v)).upper()
        self.e_xi = (self.e_xi + self.e_h + self.H_norm * rho_S).upper()
        self.e_h = (self.beta * self.e_h + self.H_norm * rho_Q).upper()

    def movement(self, i: int, change: arb_mat) -> float:
        """Bound how far a change of S moves sample i, before (5), as max(a, b) = (a + b + |a - b|) / 2."""
        terms = self.products(i, change)
        return above((sum(map(abs, terms), ZERO) + abs(sum(terms, ZERO))) / 2)

    def update_signs(self, moves: list[float], xi: arb_mat, h: arb_mat) -> None:
        """Decide the signs that may have changed; flips change (xi, h), the neurons and H, and end a rest."""
        distance, flips = self.distance(), len(self.flips)
        for i, move in enumerate(moves):
            slack = (self.lengths[i] * distance).upper()  # the exact zeta_ri is within this of zeta_ri
            reached = self.reached(i, move, above(slack))
            products = self.products(i, self.S) if reached else []
            for r in reached:
                value = self.value(r, i, products)
                if is_active(value + arb(0, slack)) != (i in self.active[r]):
                    self.flip(r, i, value, xi, h)
                self.watch(r, i, value)
        changed = {i for _, _, i in self.flips[flips:]}
        if changed:
            if self.at_rest:
                self.form, self.at_rest = (1 + self.weight).sqrt() * distance, False
            self.update_gram(changed)

    def reached(self, i: int, move: float, slack: float) -> list[int]:
        """Move sample i; return the neurons whose limit on it is now within the slack."""
        limits = self.limits[i]
        self.moved[i] = math.nextafter(self.moved[i] + move, math.inf)
        edge = math.nextafter(self.moved[i] + slack, math.inf)
        if edge >= self.horizon[i]:
            self.horizon[i] = edge + 16 * move
            self.candidates[i] = {r for r, limit in enumerate(limits) if limit <= self.horizon[i]}
        return [r for r in self.candidates[i] if limits[r] <= edge]

    def flip(self, r: int, j: int, value: arb, xi: arb_mat, h: arb_mat) -> None:
        """Change A_rj, with what that adds to (xi, h), below (2), and to b_r and d_r, below (4)."""
        tau, b, d = self.neurons[r]
        change = -1 if j in self.active[r] else 1  # A' - A
        sign = self.net.signs[r] * change
        driven = self.driven(r, self.products(j, self.Q))
        xi[j, 0] += sign * value / self.net.m
        h[j, 0] += sign * (self.own_speed(r, j) - self.net.signs[r] * driven) / self.net.m
        g, power = self.sums[self.t - tau], self.powers[self.t - tau]
        S, Q = sign * self.S[j, 0], sign * self.Q[j, 0]
        b = [x + g * y + k * S for x, y, k in zip(b, d, self.K[j], strict=True)]
        d = [power * y + k * Q for y, k in zip(d, self.K[j], strict=True)]
        self.neurons[r] = self.t, b, d
        self.flips.append((self.t, r, j))
        self.toggle(r, j, change)
        if not self.net.gradient_descent:
            self.lower_limits(r, j, above(abs(Q) * self.reach))

    def toggle(self, r: int, j: int, change: int) -> None:
        """Change the pattern of neuron r on sample j, and the counts of neurons that are active together."""
        self.active[r].add(j)
        for i in self.active[r]:
            self.together[j][i] += change
            self.together[i][j] = self.together[j][i]
        if change < 0:
            self.active[r].remove(j)

    def lower_limits(self, r: int, j: int, thrust: float) -> None:
        """Lower the limits of neuron r by how far the momentum of a flip on sample j can still move it, (5)."""
        for i, size in enumerate(self.sizes[j]):
            limit = self.limits[i][r] - size * thrust
            self.set_limit(r, i, limit - 2.0**-50 * (size * thrust + abs(limit)))


# 3. Claims: what the file says of the steps that were followed, and of all later ones, (8) to (11).


def verify(net: Certificate) -> None:
    """Run the training and check every claim; raise Unproved if one fails."""
    run, sizes = Run(net), []
    for t in range(net.applied + 1):
        if t:
            run.step()
        check_residual(run)
        size, error = sum((x * x for x in run.xi.entries()), ZERO).sqrt(), run.residual_error()
        sizes.append((size - error, size + error))
    conclude(run)
    shrinks(net, sizes)


def check_residual(run: Run) -> None:
    """Show that the exact residual lies in the enclosure of this step and near the float64 run, where given."""
    net, t, error = run.net, run.t, run.residual_error()
    enclosure, simulated = net.enclosures.get(t), net.simulated[t : t + 1]
    for i, x in enumerate(run.xi.entries()):
        inside = not enclosure or (x - error >= enclosure[0][i] and x + error <= enclosure[1][i])
        near = all(abs(x - row[i]) + error <= net.distance for row in simulated)
        need(inside and near, f"the residual at step {t}, sample {i}")


def diagonal(entries: list[arb]) -> arb_mat:
    """Return a diagonal matrix."""
    return arb_mat([[x if i == j else ZERO for j in range(len(entries))] for i, x in enumerate(entries)])


def positive_definite(matrix: arb_mat) -> bool:
    """Return True if elimination shows that a symmetric matrix is positive definite: every pivot is positive."""
    rows = matrix.tolist()
    while rows and rows[0][0] > 0:
        first, *others = rows
        rows = [[a - row[0] / first[0] * b for a, b in zip(row[1:], first[1:], strict=True)] for row in others]
    return not rows


def contracts(run: Any, low: arb, high: arb, rate: arb, shear: arb) -> None:
    """Show that the eigenvalues of H lie between low and high, and the bound (8) on the powers of N(eta H)."""
    need(low > 0 and 0 < rate and rate < 1 and shear >= 0, "a rate below 1")
    for z in (run.eta * low, run.eta * high):
        need(abs(1 - z) <= rate if run.net.gradient_descent else schur_cohn(run, z, rate, shear), "the rate")
    lower, upper = run.H - diagonal([low] * run.net.n), diagonal([high] * run.net.n) - run.H
    need(positive_definite(lower), "the bounds on the eigenvalues of H")
    need(high is run.H_norm or positive_definite(upper), "the bounds on the eigenvalues of H")


def schur_cohn(run: Any, z: arb, rate: arb, shear: arb) -> bool:
    """Return True if the eigenvalues of N(z) are at most the rate and |N|_F^2 - 2 det N at most the shear squared."""
    first, corner = 1 - (1 + run.gamma) * z, -run.ell / run.eta * z
    trace, determinant = first + run.beta, run.beta - run.gamma * z
    within = abs(determinant) <= rate**2 and abs(trace) * rate <= rate**2 + determinant
    square = first * first + 1 + corner * corner + run.beta * run.beta
    return bool(within and square - 2 * determinant <= shear**2)


def slides(run: Run, low: arb, high: arb, rate: arb, shear: arb) -> None:
    """Show the rate of gradient descent while the sliding pairs change sign at will, by (9) or (10)."""
    net, K, eta = run.net, run.K, run.eta
    need(net.gradient_descent and low > 0 and 0 < rate and rate < 1 and shear >= 0, "a rate below 1")
    check_row_sums(run, high)
    k = Counter(r for r, _ in net.sliding)  # k_r
    U = [[r for r, j in net.sliding if j == i] for i in range(net.n)]
    jolt = eta * norm(run.norms[i] * len(U[i]) / net.m for i in range(net.n))
    by_9 = (1 - eta * low).max(eta * high - 1) + jolt <= rate
    mu = max((K[i][i] * len(U[i]) * max(k.values()) / net.m).upper() for i in range(net.n))
    q = 2 - eta * high - 2 * eta * (high * mu).sqrt() - eta * mu
    need(by_9 or (q > 0 and 1 - eta * q * low <= rate**2), "the rate, with pairs that slide")
    sigma = [K[i][i] * sum(k[r] for r in U[i]) / net.m for i in range(net.n)]
    paid = [low if by_9 else low + x / q**2 for x in sigma]
    steady = [set() if r in k else samples for r, samples in enumerate(run.active)]
    H_c = arb_mat(gram(run, steady))
    need(positive_definite(H_c - diagonal(paid)), "the bounds on the eigenvalues of H")


def check_row_sums(run: Run, high: arb) -> None:
    """Show that high is at least lambda^+: the row sums of |K_ij| times the share of neurons that may be active."""
    possible = [set(samples) for samples in run.active]
    for r, i in run.net.sliding:
        possible[r].add(i)
    for row in gram(run, possible):
        need(sum(map(abs, row), ZERO) <= high, "the bounds on the eigenvalues of H")


def gram(run: Run, active: list[set[int]]) -> list[list[arb]]:
    """Return H for another pattern: K_ij times the share of neurons that are active on both samples."""
    counts = active_together(active, run.net.n)
    return [[k * x / run.net.m for k, x in zip(*rows, strict=True)] for rows in zip(run.K, counts, strict=True)]


def conclude(run: Run) -> None:
    """Show the rate, the energy and the lock-in that the file claims of all steps after the last, (8) to (10)."""
    net, (low, high, rate, shear, energy) = run.net, map(arb, run.net.bounds)
    (slides if net.sliding else contracts)(run, low, high, rate, shear)
    need(energy >= norm([*run.xi.entries(), *run.h.entries()]) + run.e_h + run.residual_error(), "the energy")
    check_lock_in(run, rate, shear, energy)
    last = max((t for t, r, i in run.flips if (r, i) not in net.sliding), default=0)
    need((len(run.flips), last) == (net.flips, net.lock_in), "the number of flips and the step of the last")


def check_lock_in(run: Run, rate: arb, shear: arb, energy: arb) -> None:
    """Show that the movement still to come leaves the sign of every pair that does not slide."""
    total = energy * (1 / (1 - rate) + shear / (1 - rate) ** 2)  # Sigma
    rest = norm(run.Q.entries()) * run.reach + run.eta * (1 + run.gamma).max(run.reach) * total
    for i, limits in enumerate(run.limits):
        spread = run.lengths[i] * run.distance() * (1 if run.net.gradient_descent else 1 + run.reach)
        edge = math.nextafter(run.moved[i] + above(run.norms[i] * rest + spread), math.inf)
        near = [r for r, limit in enumerate(limits) if not limit > edge and (r, i) not in run.net.sliding]
        for r in near:
            run.watch(r, i, run.value(r, i))  # the limit may be of an earlier step
            need(limits[r] > edge, f"that neuron {r} never changes on sample {i} again")


def shrinks(net: Certificate, sizes: list[tuple[arb, arb]]) -> None:
    """Show |V(t)| <= c rho^t |V(0)| for all t, by bounds on |xi(t)| up to the last step and the rate after it, (11)."""
    _, _, rate, shear, energy = map(arb, net.bounds)
    both = 0 if net.gradient_descent else 1  # V(t) = [xi(t); xi(t-1)], xi(-1) = xi(0); for gradient descent xi(t)
    for c, rho in ((arb(c), arb(rho)) for c, rho in net.contraction):
        need(net.start != "state" and c >= 1 and rate < rho, "the contraction: prefactor below 1, rate or start")
        bound, previous = c * sizes[0][0] * arb(1 + both).sqrt(), sizes[0][1]
        for t, (_, size) in enumerate(sizes[1:], 1):
            bound *= rho
            need((size**2 + both * previous**2).sqrt() <= bound, f"the contraction at step {t}")
            previous = size
        need(arb(2).sqrt() * energy * (1 + shear / (rate - rate**2 / rho)) / rate <= bound, "the contraction for ever")


# 4. Main: the command line.


def main(arguments: list[str]) -> int:
    """Check the file named by the only argument; print one line and return the exit code."""
    return decide(arguments, Certificate, verify)


def decide(arguments: list[str], form: Callable[[Path], Any], check: Callable[[Any], None]) -> int:
    """Read the file named by the only argument as a certificate of a form; check it with its bits, then with twice."""
    try:
        net = form(Path(arguments[0]))
    except Exception as error:  # whatever is wrong with it, it is no certificate
        print(f"no certificate: {type(error).__name__}: {' '.join(ascii(str(error))[1:-1].split())[:160]}")
        return 2
    message = ""
    for bits in (net.bits, 2 * net.bits):  # a bound that fails may have been too coarse
        try:
            with ctx.workprec(bits):
                check(net)
        except Unproved as error:
            message = f"not proved with {bits} bits: {error}"
        else:
            print(f"proved, {bits} bits: {net.summary()}")
            return 0
    print(message)
    return 1


def bounded(path: str, memory: float, seconds: float, place: tuple[str, ...] = (__file__,)) -> int:
    """Check a file in a process of its own with so many GiB and seconds; return 2 where they do not suffice."""
    command = [sys.executable, "-I", *place, "--inner", str(int(memory * 2**30)), str(math.ceil(seconds)), path]
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if process.returncode in (0, 1, 2) and process.stdout.count("\n") == 1:
        print(process.stdout, end="")
        return process.returncode
    print(f"no verdict: {memory:g} GiB of memory and {seconds:g} s do not suffice; see --memory and --seconds")
    return 2


def program(
    arguments: list[str], check: Callable[[list[str]], int] = main, place: tuple[str, ...] = (__file__,)
) -> int:
    """Run the command line; with `--inner`, set the limits of this process and check the file in it."""
    if arguments[:1] == ["--inner"]:
        memory, seconds = map(int, arguments[1:3])
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        return check(arguments[3:])
    parser = argparse.ArgumentParser(description="Verify a certificate from its file alone.")
    parser.add_argument("file")
    parser.add_argument("--memory", type=float, default=MEMORY, help="GiB of memory at most [%(default)s]")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds of a core at most [%(default)s]")
    options = parser.parse_args(arguments)
    return bounded(options.file, options.memory, options.seconds, place)


if __name__ == "__main__":
    sys.exit(program(sys.argv[1:]))
