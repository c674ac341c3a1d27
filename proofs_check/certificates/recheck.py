"""Verify a certificate from its file alone: `nag-ntk recheck FILE`, or `python recheck.py FILE`.

Here the file is read; `retrace.py` follows the training again in ball arithmetic and checks all that is claimed. Both
import the standard library and python-flint, nothing else: neither JAX, nor the simulator, nor the code that made the
file. Formulas: docs/certificates.md.
Exit codes: 0 proved; 1 a claim fails, or is not decided with MAX_BITS bits; 2 no certificate: unreadable or altered.
"""

import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

from flint import arb, ctx, fmpq

if __package__:
    from .retrace import LOW, Refuted, Run, Undecided, need
else:  # run as a program, from wherever the two files lie
    sys.path.insert(0, str(Path(__file__).parent))
    from retrace import LOW, Refuted, Run, Undecided, need

FORMAT = "nag-ntk certificate 2"
MAX_BITS, MAX_STEPS = 1 << 15, 10**6


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
        self.inputs, self.weights, self.before = (
            [_numbers(line, p) for line in given[name]] for name in ("inputs", "weights", "before")
        )
        self.signs = [{"+": 1, "-": -1}[sign] for sign in given["signs"]]
        self.targets, self.start = _numbers(given["targets"], self.n), given["start"]
        self.eta, self.beta, self.gamma = (_numbers(given[name], 1)[0] for name in ("eta", "beta", "gamma"))
        self.plain = self.beta == 0 and self.gamma == 0
        self.numbers = [_numbers(claim[x], 1)[0] for x in ("lambda_min", "lambda_max", "rate", "shear", "energy")]
        self.applied, self.lock_in, self.flips, self.bits = (
            int(claim[x]) for x in ("applied", "lock_in", "flips", "bits")
        )
        self.metric, self.distance = _numbers(claim["metric"], 2), _numbers(claim["distance"], 1)[0]
        self.contraction = [_numbers(line, 2) for line in claim["contraction"]]
        self.calm = {int(t): _numbers(line, 3) for t, line in claim["calm"]}
        self.sliding = {(int(r), int(i)) for r, i in claim["sliding"]}
        self.enclosures = {int(t): [_numbers(x, self.n) for x in pair] for t, pair in claim["enclosures"].items()}
        self.simulated = [_numbers(line, self.n) for line in claim["float64"]]
        sizes = len(self.weights) == self.m > 0 < p and len(self.before) == self.m * (self.start == "state")
        known = self.start in ("gradient", "extrapolated", "state") and self.eta > 0 and 0 <= self.beta < 1
        steps = max(len(self.simulated) - 1, *self.enclosures, 0) <= self.applied <= MAX_STEPS
        pairs = all(0 <= r < self.m and 0 <= i < self.n for r, i in self.sliding)
        if not (sizes and known and steps and pairs and self.gamma >= 0 and LOW <= self.bits <= MAX_BITS):
            raise ValueError("shapes, start, step size, momentum, steps or precision out of range")


def verify(net: Certificate) -> None:
    """Follow the training and check every claim; Refuted or Undecided when that fails."""
    run, path = Run(net), []
    while True:
        stated, rows, slack = net.enclosures.get(run.t), net.simulated[run.t : run.t + 1], run.near_by()
        for i, x in enumerate(run.xi.entries()):
            inside = not stated or (x - slack >= stated[0][i] and x + slack <= stated[1][i])
            near = all(abs(x - row[i]) + slack <= net.distance for row in rows)
            need(inside and near, f"the residual at step {run.t}, sample {i}")
        size = sum((x * x for x in run.xi.entries()), arb(0)).sqrt()
        path.append((size - slack, size + slack))
        if run.t == net.applied:
            break
        run.step()
    run.conclude()
    shrinks(net, path)


def shrinks(net: Certificate, path: list[tuple[arb, arb]]) -> None:
    """Show |V(t)| <= c rho^t |V(0)| for all t, by bounds on |xi(t)| up to the last step and the rate after it, (11)."""
    _, _, rate, shear, energy = map(arb, net.numbers)
    both = 0 if net.plain else 1  # V(t) = [xi(t); xi(t-1)], xi(-1) = xi(0); for gradient descent xi(t)
    first = path[0][0] * arb(1 + both).sqrt()
    for c, rho in ((arb(c), arb(rho)) for c, rho in net.contraction):
        bound, last = c * first, path[0][1]
        need(net.start != "state" and c >= 1 and rate < rho, "the contraction: prefactor below 1, rate or start")
        for t, (_, size) in enumerate(path[1:], 1):
            bound *= rho
            need((size**2 + both * last**2).sqrt() <= bound, f"the contraction at step {t}")
            last = size
        rest = arb(2).sqrt() * energy * (1 + shear / (rate - rate**2 / rho)) / rate
        need(rest <= bound, "the contraction after the last step")


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
                verify(net)
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
