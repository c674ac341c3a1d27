"""Verify a certificate at initialisation: `nag-ntk recheck FILE`, `python -m proofs_check.rigor.initial.recheck FILE`.

The training of the network is not run. From its first weights the program computes H(0), the first residual and the
distance of each pre-activation from its kink, and runs bounds on residual and flips forward, all in ball arithmetic.
It imports the standard library, python-flint and the other rechecker, `recheck.py` in proofs_check/rigor/certificates,
whose parser, limits and bound on the linear model it shares; nothing of what made the file. Formulas, by their numbers
(12) to (19), and symbols are those of docs/initial-certificates.md.
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flint import arb, arb_mat, ctx

from proofs_check.rigor.certificates import recheck as base
from proofs_check.rigor.certificates.recheck import LOW, ONE, ZERO, above, need, norm, require, whole

FORMAT = "nag-ntk certificate at initialisation 1"
MAX_HORIZON, MAX_ENTRIES = 1 << 15, 1 << 25  # steps of the linear model; numbers in a table of its responses
CHUNK = 1 << 14  # neurons whose pre-activations are in memory at once
CLAIMS = (
    "bits steps horizon lambda_min lambda_max linear_rate shear rate energy residual movement reach allowed contraction"
)
PLACE = ("-m", "proofs_check.rigor.initial.recheck")

Vector = list[arb]


def statement(problem: dict[str, Any], claim: dict[str, Any]) -> str:
    """Write the claims of a file as one sentence."""
    method = ", ".join(f"{name} = {base.nearest_float(problem[name])}" for name in ("eta", "beta", "gamma"))
    n, m, steps = len(problem["inputs"]), len(problem["weights"]), claim["steps"]
    rate, energy = (base.nearest_float(claim[name]) for name in ("rate", "energy"))
    return (
        f"Training this network of {m} neurons on these {n} samples in exact arithmetic with {method} brings the loss "
        f"to zero, as its first weights prove. For all k >= 0 the residual at step {steps} + k is at most r^k E "
        f"with r = {rate}, E = {energy}. Of the {m * n} pairs (neuron, sample) at most {claim['allowed']} ever change "
        "sign."
    )


class Certificate(base.Certificate):
    """The contents of a file: a network, its data and method as in the other certificates, and other claims."""

    form, names, words = FORMAT, base.PROBLEM, staticmethod(statement)

    def __init__(self, path: Path) -> None:
        body = base.read_body(path, self.form, self.names)
        problem, claim = body["problem"], body["claim"]
        base.check_names(claim, CLAIMS)
        self.read_sizes(problem, claim)
        self.read_problem(problem)
        self.read_claim(claim)
        self.check_ranges()
        words = self.words(problem, claim)
        require(body["statement"] == words, f"the statement is not what the claims say, which is: {words}")

    def read_sizes(self, problem: dict[str, Any], claim: dict[str, Any]) -> None:
        """Read the counts, and refuse more work than is allowed before any number is parsed."""
        base.texts([problem["signs"]])
        self.n, self.m = len(base.texts(problem["inputs"])), len(problem["signs"])
        pairs = self.n * max(self.n, self.m)
        require(pairs <= base.MAX_PAIRS, f"samples times neurons (or samples) are {pairs}; at most {base.MAX_PAIRS}")
        self.read_steps(claim, self.n * self.m)

    def read_steps(self, claim: dict[str, Any], pairs: int) -> None:
        """Read how long the linear model is followed, and how many pairs may change sign."""
        self.bits, self.steps = whole(claim["bits"], base.MAX_BITS), whole(claim["steps"], MAX_HORIZON)
        self.horizon, self.allowed = whole(claim["horizon"], MAX_HORIZON), whole(claim["allowed"], pairs)
        entries = self.n**2 * (self.horizon + 1)
        require(entries <= MAX_ENTRIES, f"samples^2 times steps are {entries}; at most {MAX_ENTRIES}")

    def read_claim(self, claim: dict[str, Any]) -> None:
        """Read the claims."""
        names = ("lambda_min", "lambda_max", "linear_rate", "shear", "rate", "energy")
        self.bounds = [base.numbers(claim[name], 1)[0] for name in names]
        self.residual, self.movement, self.reach = (
            base.numbers(claim[name], self.n) for name in ("residual", "movement", "reach")
        )
        self.contraction = [base.numbers(line, 2) for line in base.texts(claim["contraction"])]

    def check_ranges(self) -> None:
        """Require that the shapes agree and that the proof covers method and start."""
        require(len(self.weights) == self.m > 0 and not self.before, "shapes, or weights of two steps")
        self.check_method()

    def check_method(self) -> None:
        """Require that the proof covers method and start."""
        start = self.start in ("gradient", "extrapolated") and 1 < self.steps <= self.horizon
        method = self.eta > 0 and 0 <= self.beta < 1 and self.gamma >= 0 and self.bits >= LOW
        require(start and method, "start, step size, momentum, steps or precision out of range")

    def summary(self) -> str:
        """Say in one line what was proved."""
        return (
            f"at most {self.allowed} of {self.n * self.m} pairs ever change sign; rate {float(self.bounds[4]):.6f} "
            f"from step {self.steps} on"
        )


def below(value: arb) -> float:
    """Return a float that is smaller than a value."""
    return math.nextafter(float(value.lower()), -math.inf)


def upper(column: arb_mat) -> Vector:
    """Return upper bounds on the entries."""
    return [x.upper() for x in column.entries()]


def column(values: Vector) -> arb_mat:
    """Return a column of a matrix."""
    return arb_mat(len(values), 1, values)


def sizes(matrix: arb_mat) -> Vector:
    """Return upper bounds on the absolute values of the entries."""
    return [x.abs_upper() for x in matrix.entries()]


# 1. The first step: patterns, H(0), xi(0), and the neurons with a pre-activation within the claimed reach.


class Start:
    """The network at its first step.

    K, H and xi are those of docs/initial-certificates.md; eta, ell and so on what `contracts` of the other rechecker
    reads. Besides,
        size[i][j]: |K_ij|, from above
        error: how far xi(0) may be from `xi`, besides its radii; first: xi with that
        classes: (pattern, a_r) of the neurons near a kink -> its number
        members: (number of the class, distances of all samples from their kinks) of each such neuron
    """

    def __init__(self, net: Certificate) -> None:
        self.net = net
        self.eta, self.beta, self.gamma = arb(net.eta), arb(net.beta), arb(net.gamma)
        self.ell = self.eta * (self.beta * (1 + self.gamma) - self.gamma)
        self.classes: dict[tuple[frozenset[int], int], int] = {}
        self.members: list[tuple[int, list[float]]] = []
        with ctx.workprec(max(ctx.prec, 2 * LOW)):
            self.K = (arb_mat(net.inputs) * arb_mat(net.inputs).transpose()).tolist()
        self.size = [[x.abs_upper() for x in row] for row in self.K]
        together, self.xi, self.error = self.collect([above(arb(x)) for x in net.reach])
        pairs = zip(self.K, together, strict=True)
        self.H = arb_mat([[k * c / net.m for k, c in zip(*rows, strict=True)] for rows in pairs])
        self.H_norm = max(sum(map(abs, row), ZERO).upper() for row in self.H.tolist())
        self.first = [x + arb(0, e) for x, e in zip(self.xi, self.error, strict=True)]

    def collect(self, reach: list[float]) -> tuple[list[list[int]], Vector, Vector]:
        """Set the members; return the counts of neurons active together, xi(0) and the error of its midpoints."""
        net, root = self.net, arb(self.net.m).sqrt()
        totals, together = [ZERO] * net.n, [[0] * net.n for _ in range(net.n)]
        with ctx.workprec(4 * LOW):  # products and sums of floats of like size are exact
            for z, signs in self.chunks():
                active = base.patterns(z)
                for k, row in enumerate(base.active_together(active, net.n)):
                    together[k] = [x + y for x, y in zip(together[k], row, strict=True)]
                for row, sign, samples in zip(z, signs, active, strict=True):
                    for i in samples:
                        totals[i] += sign * row[i]
                    distances = [max(0.0, below(abs(x) * root)) for x in row]
                    if any(x <= far for x, far in zip(distances, reach, strict=True)):
                        self.join(frozenset(samples), sign, distances)
        xi = [total / root - arb(y) for total, y in zip(totals, net.targets, strict=True)]
        return together, xi, [ZERO] * net.n

    def join(self, active: frozenset[int], sign: int, distances: list[float]) -> None:
        """Add a neuron that comes near a kink."""
        kind = self.classes.setdefault((active, sign), len(self.classes))
        self.members.append((kind, distances))

    def chunks(self) -> Iterator[tuple[list[list[arb]], list[int]]]:
        """Yield the pre-activations w_r.x_i of some neurons at a time, with their signs a_r."""
        net = self.net
        inputs = arb_mat(net.inputs).transpose()
        for k in range(0, net.m, CHUNK):
            yield (arb_mat(net.weights[k : k + CHUNK]) * inputs).tolist(), net.signs[k : k + CHUNK]


# 2. The linear model: responses up to step L, (14), and their sums with the weights r^-k, (19).


class Linear:
    """Responses of the linear model, with the names of docs/initial-certificates.md.

    jumps, drives: |R|, |Delta R|, |Y| and |R_W|, |Delta R_W|, |Y_W| at the steps 1, ..., T, one below the other
    xi, S: the model from xi(0), steps 0, ..., T
    total: name -> sum of r^-k |.| over all k >= 0, for Y, dR, Y_W, dR_W, Z, dZ, ZH, dZH
    """

    def __init__(self, start: Start) -> None:
        self.start, self.net = start, start.net
        self.p, self.l, self.beta = start.eta * (1 + start.gamma), start.ell, start.beta
        self.rate = arb(self.net.bounds[4])
        n, names = self.net.n, ("Y", "dR", "Y_W", "dR_W", "Z", "dZ", "ZH", "dZH")
        sums: dict[str, Vector] = {name: [ZERO] * n**2 for name in names}
        jumps, drives, weight = [], [], ONE
        now = dict.fromkeys((*names, "R", "R_W", "q", "ZR"), arb_mat(n, n)) | {"Y": base.diagonal([ONE] * n)}
        for k in range(self.net.horizon + 1):
            if k:
                now, weight = self.after(now), weight / self.rate
            with ctx.workprec(LOW):
                known = {name: sizes(now[name]) for name in (*names, "R", "R_W")}
                for name in names:
                    sums[name] = [(a + weight * b).upper() for a, b in zip(sums[name], known[name], strict=True)]
                if 0 < k <= self.net.steps:
                    jumps += known["R"] + known["dR"] + known["Y"]
                    drives += known["R_W"] + known["dR_W"] + known["Y_W"]
        with ctx.workprec(LOW):
            rest = self.remainders(now, weight)
            self.total = {name: arb_mat(n, n, [(x + rest[name]).upper() for x in sums[name]]) for name in names}
            self.jumps, self.drives = arb_mat(len(jumps) // n, n, jumps), arb_mat(len(drives) // n, n, drives)
        self.follow()

    def after(self, now: dict[str, arb_mat]) -> dict[str, arb_mat]:
        """Return the responses one step later, (14)."""
        p, ell, beta, H = self.p, self.l, self.beta, self.start.H
        change = now["q"] + p * now["Y"]
        late = {name: now[of] + beta * now[name] for name, of in (("Z", "Y"), ("dZ", "dR"), ("ZR", "R"))}
        driven = {name + "_W": p * now[name] + ell * now[of] for name, of in (("Y", "Z"), ("dR", "dZ"), ("R", "ZR"))}
        more = {"ZH": late["Z"] * H, "dZH": late["dZ"] * H, "q": beta * now["q"] + ell * now["Y"]}
        return {**late, **driven, **more, "Y": now["Y"] - H * change, "dR": change, "R": now["R"] + change}

    def remainders(self, now: dict[str, arb_mat], weight: arb) -> dict[str, arb]:
        """Bound every entry of the sums over k > L by the powers of the linear model from L on, (8) and (19)."""
        low, _, linear_rate, shear, _, _ = map(arb, self.net.bounds)
        q, gap, lift = linear_rate / self.rate, self.rate - self.beta, abs(self.l)
        powers = 1 / (1 - q) + shear / self.rate / (1 - q) ** 2
        state = norm([*now["Y"].entries(), *(self.start.H * now["q"]).entries()])
        tails = {"Y": weight * powers * state, "dR": weight * powers * state * (self.p + 1 / low) / self.rate}
        for late, of, driven in (("Z", "Y", "Y_W"), ("dZ", "dR", "dR_W")):
            here, kept = (weight * max(sizes(now[name]), key=float) for name in (of, late))
            tails[late] = (kept * self.beta + here + tails[of]) / gap
            tails[late + "H"] = tails[late] * self.start.H_norm
            tails[driven] = (self.p * (here + tails[of]) + lift * (kept + tails[late])) / self.rate
        return {name: x.upper() for name, x in tails.items()}

    def follow(self) -> None:
        """Run the linear model from xi(0) up to step T; from I too if xi(0) has an error."""
        n, steps, error = self.net.n, self.net.steps, self.start.error
        states = self.run(column(self.start.xi))
        self.xi, self.S = [xi for xi, _, _ in states], [S for _, S, _ in states]
        self.errors = [[ZERO] * (3 * n) for _ in range(steps + 1)]
        if any(x > 0 for x in error):
            far = column(error)
            for t, (Y, R, change) in enumerate(self.run(base.diagonal([ONE] * n))):
                parts = (upper(arb_mat(n, n, sizes(part)) * far) for part in (R, change, Y))
                self.errors[t] = [x for part in parts for x in part]

    def run(self, xi: arb_mat) -> list[tuple[arb_mat, arb_mat, arb_mat]]:
        """Run the linear model from residuals xi; return xi, S and the last change of S at the steps 0, ..., T."""
        push = self.start.eta * self.start.gamma if self.net.start == "gradient" else ZERO
        S = change = arb_mat(xi.nrows(), xi.ncols())
        q, states = -push * xi, [(xi, S, change)]
        for _ in range(self.net.steps):
            change = q + self.p * xi
            q, S, xi = self.beta * q + self.l * xi, S + change, xi - self.start.H * change
            states.append((xi, S, change))
        return states


# 3. Flips: the pairs that the bounds do not exclude, (15), and how many there are, (16).


class Flips:
    """The pairs (neuron, sample) that may have changed sign so far.

    toward: s_ri a_r K_ij A_rj, a row per class and sample; around: |K_ij| A_rj
    waiting: per class and sample the members that have not flipped there, farthest first
    flipped: per member that has flipped, sample -> (step, M_j and Q_j then); all: how many pairs
    near: per member that has flipped, the samples on which it can flip while strays are at most `most`
    C, E, D: the counts of (16)
    """

    def __init__(self, start: Start) -> None:
        self.start, n = start, start.net.n
        toward, around = [], []
        for active, sign in start.classes:
            for i in range(n):
                side = sign if i in active else -sign
                toward += [side * k if j in active else ZERO for j, k in enumerate(start.K[i])]
                around += [k if j in active else ZERO for j, k in enumerate(start.size[i])]
        self.toward, self.around = (arb_mat(len(x) // n, n, x) for x in (toward, around))
        self.active = [active for active, _ in start.classes]
        self.waiting: list[list[tuple[float, int]]] = [[] for _ in range(n * len(self.active))]
        for r, (kind, distances) in enumerate(start.members):
            for i, distance in enumerate(distances):
                self.waiting[kind * n + i].append((distance, r))
        for line in self.waiting:
            line.sort(reverse=True)
        self.flipped: dict[int, dict[int, tuple[int, arb, arb]]] = {}
        self.near: dict[int, list[int]] = {}
        self.far, self.most = [above(arb(x)) for x in start.net.reach], [0.0] * n
        self.all = 0
        self.C, self.E, self.D = ([[0] * n for _ in range(n)] for _ in range(3))
        self.widths = [[above(x) for x in row] for row in start.size]

    def reaches(self, S: arb_mat, dS: Vector) -> list[float]:
        """Bound how near their kinks own paths come, per class and sample, (15)."""
        if not self.active:
            return []
        return [above(x) for x in (self.toward * S + self.around * column(dS)).entries()]

    def find(self, reaches: list[float], since: Vector, momentum: Vector, step: int, strays: "Strays") -> bool:
        """Add all pairs that may have flipped, with M and Q as of now; return True if there are any."""
        n, found = self.start.net.n, []
        if any(now > most for now, most in zip(map(above, strays.M), self.most, strict=True)):
            self.most = [2 * above(x) for x in strays.M]
            for r in self.flipped:
                self.look_around(r)
        for r, near in self.near.items():
            if near:
                kind, distances = self.start.members[r]
                away = [(j, strays(j, *then)) for j, then in self.flipped[r].items()]
                for i in near:
                    reach = reaches[kind * n + i]
                    more = sum(self.widths[i][j] * stray for j, stray in away)
                    if distances[i] <= reach + more + 2.0**-45 * (abs(reach) + more):
                        found.append((r, i))
        for place, line in enumerate(self.waiting):
            while line and line[-1][0] <= reaches[place]:
                found.append((line.pop()[1], place % n))
        for r, i in found:
            if i not in self.flipped.get(r, ()):
                self.count(r, -1)
                self.flipped.setdefault(r, {})[i] = step, since[i], momentum[i]
                self.count(r, 1)
                self.look_around(r)
                self.all += 1
        return bool(found)

    def look_around(self, r: int) -> None:
        """Set `near` of a member: no path reaches further than the claimed reach, which is shown at every step."""
        flipped, distances = self.flipped[r], self.start.members[r][1]
        self.near[r] = [
            i
            for i, (distance, far, widths) in enumerate(zip(distances, self.far, self.widths, strict=True))
            if i not in flipped and distance <= (far + sum(widths[j] * self.most[j] for j in flipped)) * (1 + 2.0**-40)
        ]

    def count(self, r: int, change: int) -> None:
        """Add a neuron to C, E and D, or take it out."""
        flipped, active = self.flipped.get(r, {}), self.active[self.start.members[r][0]]
        for j in flipped:
            for i in active - {j}:
                self.C[i][j] += change
            for i in active - flipped.keys():
                self.E[j][i] += change
            for i in flipped:
                self.D[i][j] += change

    def effects(self) -> tuple[arb_mat, arb_mat, arb_mat]:
        """Return |K| C / m, |K| E / m and |K| D / m."""
        n, m = self.start.net.n, self.start.net.m
        C, E, D = (
            arb_mat(n, n, [k * c / m for row, counts in zip(self.start.size, of, strict=True)
                           for k, c in zip(row, counts, strict=True)])
            for of in (self.C, self.E, self.D)
        )  # fmt: skip
        return C, E, D


class Strays:
    """Bounds on the distance between the filter of a neuron that flipped and the filter of its first pattern, (15)."""

    def __init__(self, M: Vector, beta: arb, step: int) -> None:
        self.M, self.beta, self.step = M, beta, step
        self.known: dict[tuple[int, int], float] = {}

    def __call__(self, j: int, since: int, M: arb, Q: arb) -> float:
        """Return the bound for a flip on sample j at a step, with M_j and Q_j of then."""
        if (j, since) not in self.known:
            g = (1 - self.beta ** (self.step - since)) / (1 - self.beta)
            self.known[j, since] = max(0.0, above(self.M[j] - M - g * Q))
        return self.known[j, since]


# 4. The proof: the recursion up to step T, (17), and all later steps, (18).


class Proof:
    """The bounds, step by step. Names are those of docs/initial-certificates.md: X, Q, V, M, dS, e."""

    def __init__(self, start: Start, linear: Linear) -> None:
        self.start, self.linear, self.net, self.flips = start, linear, start.net, Flips(start)
        n = self.net.n
        push = start.eta * start.gamma if self.net.start == "gradient" else ZERO
        self.X = [[x.abs_upper() for x in start.first]]
        self.Q = [(push * x).upper() for x in self.X[0]]
        self.V = self.M = self.dS = self.e = [ZERO] * n
        self.p, self.lift = linear.p.abs_upper(), linear.l.abs_upper()
        self.ahead = list(linear.errors)
        self.effects = self.flips.effects()

    def decayed(self, values: Vector, driven: Vector) -> Vector:
        """Return beta times the first plus |l| times the second, from above."""
        return [(self.linear.beta * x + self.lift * y).upper() for x, y in zip(values, driven, strict=True)]

    def step(self, t: int) -> None:
        """Bound step t from the steps before it, (17)."""
        n, before = self.net.n, self.X[-1]
        mu = [(q + self.p * x).upper() for q, x in zip(self.Q, before, strict=True)]
        self.Q, self.V = self.decayed(self.Q, before), self.decayed(self.V, self.e)
        self.M = [(a + b).upper() for a, b in zip(self.M, mu, strict=True)]
        self.dS, change, added = (self.ahead[t][k * n : (k + 1) * n] for k in range(3))
        self.within_reach(self.linear.S[t], self.dS)
        strays = Strays(self.M, self.linear.beta, t)
        if self.flips.find(self.flips.reaches(self.linear.S[t], self.dS), self.M, self.Q, t, strays):
            self.effects = self.flips.effects()
        C, E, D = self.effects
        moved = [x.abs_upper() for x in (self.linear.S[t] - self.linear.S[t - 1]).entries()]
        moved = [(x + y).upper().min(z) for x, y, z in zip(moved, change, mu, strict=True)]
        forced = upper(E * column(moved) + D * column(mu))
        known = self.linear.xi[t].entries()
        self.X.append([(x.abs_upper() + y + z).upper() for x, y, z in zip(known, added, forced, strict=True)])
        self.e = upper(C * column(self.X[-1]))
        need(all(x.is_finite() for x in self.X[-1]), "a finite bound on the residual")
        later = upper(self.linear.jumps * column(forced) + self.linear.drives * column(self.e))
        for k, total in enumerate(self.ahead[t + 1 :]):
            more = later[3 * n * k : 3 * n * (k + 1)]
            self.ahead[t + 1 + k] = [(x + y).upper() for x, y in zip(total, more, strict=True)]

    def within_reach(self, S: arb_mat, dS: Vector) -> None:
        """Show that no path of any pattern leaves the claimed reach: neurons that lie beyond it do not flip."""
        path = S.entries()
        for row, size, far in zip(self.start.K, self.start.size, self.net.reach, strict=True):
            terms = [k * x for k, x in zip(row, path, strict=True)]
            most = (sum(map(abs, terms), ZERO) + abs(sum(terms, ZERO))) / 2  # all positive terms, or all negative ones
            need(most + sum((k * x for k, x in zip(size, dS, strict=True)), ZERO) <= far, "the reach of the neurons")

    def after_all(self) -> None:
        """Show the claimed bounds for all steps after T, (18), with all pairs that may flip then."""
        net, rate, n = self.net, self.linear.rate, self.net.n
        zeta, delta = ([arb(x) for x in values] for values in (net.residual, net.movement))
        need(all(x >= 0 for x in (*zeta, *delta)), "bounds that are not negative")
        beta, after = self.linear.beta, rate / (1 - rate)
        w = self.p / rate + self.lift / (rate * (rate - beta))
        mu = [(q / rate + w * x).upper() for q, x in zip(self.Q, zeta, strict=True)]
        dS = [(x + y * after).upper() for x, y in zip(self.dS, delta, strict=True)]
        M = [(x + y * after).upper() for x, y in zip(self.M, mu, strict=True)]
        S, still = self.linear.S[net.steps], [ZERO] * n
        self.within_reach(S, dS)
        reaches = self.flips.reaches(S, dS)
        while self.flips.find(reaches, self.M, still, net.steps, Strays(M, beta, net.steps)):
            pass
        need(self.flips.all <= net.allowed, "so few pairs that may change sign")
        C, E, D = self.flips.effects()
        forced, masked = E * column(delta) + D * column(mu), C * column(zeta)
        state, Q, V, total = column(self.X[-1]) + forced, column(self.Q), column(self.V), self.linear.total
        sides = (
            (zeta, total["Y"] * state + total["ZH"] * Q + total["Z"] * V + total["Y_W"] * masked),
            (delta, total["dR"] * state + total["dZH"] * Q + total["dZ"] * V + total["dR_W"] * masked + Q / rate),
        )
        for claimed, bound in sides:
            holds = all(x >= y for x, y in zip(claimed, bound.entries(), strict=True))
            need(holds, f"the bounds on residual and movement after step {net.steps}")
        need(norm(zeta) <= net.bounds[5], "the energy")

    def shrinks(self) -> None:
        """Show |V(t)| <= c rho^t |V(0)| for all t and each pair that is claimed."""
        net, rate = self.net, self.linear.rate
        both = 0 if net.gradient_descent else 1  # V(t) = [xi(t); xi(t-1)], xi(-1) = xi(0); for gradient descent xi(t)
        first = sum((x.abs_lower() * x.abs_lower() for x in self.start.first), ZERO).sqrt() * arb(1 + both).sqrt()
        squares = [sum((x * x for x in row), ZERO) for row in self.X]
        for c, rho in ((arb(c), arb(rho)) for c, rho in net.contraction):
            need(c >= 1 and rate <= rho, "the contraction: prefactor below 1, or rate")
            bound = c * first
            for t, (square, before) in enumerate(zip(squares[1:], squares, strict=False), 1):
                bound *= rho
                need((square + both * before).sqrt() <= bound, f"the contraction at step {t}")
            later = norm(map(arb, net.residual)) * (1 + both / (rate * rate)).sqrt()
            need(later <= bound, "the contraction for ever")


def verify(net: Certificate) -> None:
    """Check every claim from the first weights; raise Unproved if one fails."""
    conclude(net, Start(net))


def conclude(net: Certificate, start: Start) -> None:
    """Check every claim from what the first weights give."""
    low, high, linear_rate, shear, rate, _ = map(arb, net.bounds)
    need(linear_rate < rate and rate < 1 and start.beta < rate, "a rate above that of the linear model, and below 1")
    base.contracts(start, low, high, linear_rate, shear)
    linear = Linear(start)
    with ctx.workprec(LOW):
        proof = Proof(start, linear)
        for t in range(1, net.steps + 1):
            proof.step(t)
        proof.after_all()
        proof.shrinks()


def main(arguments: list[str]) -> int:
    """Check the file named by the only argument; print one line and return the exit code."""
    return base.decide(arguments, Certificate, verify)


if __name__ == "__main__":
    sys.exit(base.program(sys.argv[1:], main, PLACE))
