"""Verify a certificate at initialisation of a network that is stated by its seed: no weight stands in the file.

The program draws the weights once more, with NumPy, and proves the claims for every network within `tolerance` of them.
It adds to the other rechecker what the first step needs: patterns, counts and outputs of millions of neurons, in
float64 with bounds on each rounding. What follows from them is proved in ball arithmetic as for any other network.
"""

import math
import sys
from typing import Any, cast

import numpy as np
from flint import arb

from proofs_check.rigor.certificates import recheck as base
from proofs_check.rigor.certificates.recheck import need, require, whole
from proofs_check.rigor.initial import drawn, recheck

FORMAT = "nag-ntk certificate of a drawn network 1"
MAX_DRAWN = 1 << 33  # weights that are drawn
PLACE = ("-m", "proofs_check.rigor.initial.recheck_drawn")
_OUTWARD = 1 + 2.0**-20


def statement(problem: dict[str, Any], claim: dict[str, Any]) -> str:
    """Write the claims of a file as one sentence."""
    method = ", ".join(f"{name} = {base.nearest_float(problem[name])}" for name in ("eta", "beta", "gamma"))
    n, m, steps = len(problem["inputs"]), problem["draw"]["width"], claim["steps"]
    rate, energy = (base.nearest_float(claim[name]) for name in ("rate", "energy"))
    init, seed, key = (problem["draw"][name] for name in ("init", "seed", "key"))
    return (
        f"Training a network of {m} {init} neurons on these {n} samples in exact arithmetic with {method} brings the "
        f"loss to zero, as its first weights prove: any weights w within 2^-40 + 2^-50 exp(w^2/2) of those drawn from "
        f"seed {seed} of key {key}. For all k >= 0 the residual at step {steps} + k is at most r^k E with r = {rate}, "
        f"E = {energy}. Of the {m * n} pairs (neuron, sample) at most {claim['allowed']} ever change sign."
    )


class Certificate(recheck.Certificate):
    """The contents of a file: data, method and claims as in the others, and how the network is drawn."""

    form, names, words = FORMAT, "inputs targets draw eta beta gamma start", staticmethod(statement)

    def read_sizes(self, problem: dict[str, Any], claim: dict[str, Any]) -> None:
        """Read the counts, and refuse more work than is allowed before any number is parsed."""
        draw = problem["draw"]
        base.check_names(draw, "key seed width init")
        base.texts([draw["init"]])
        self.n, self.m = len(base.texts(problem["inputs"])), whole(draw["width"], MAX_DRAWN)
        self.draw = drawn.Draw(
            whole(draw["key"], (1 << 32) - 1), whole(draw["seed"], (1 << 32) - 1), self.m, draw["init"]
        )
        self.read_steps(claim, self.n * self.m)

    def read_problem(self, problem: dict[str, Any]) -> None:
        """Read the data and the method."""
        length = len(problem["inputs"][0].split(" "))
        self.inputs = [base.numbers(row, length) for row in problem["inputs"]]
        require(self.m * length <= MAX_DRAWN, f"{self.m * length} weights; at most {MAX_DRAWN} are drawn")
        self.read_method(problem)

    def check_ranges(self) -> None:
        """Require that the shapes agree and that the proof covers method and start."""
        require(self.m > 0 and self.draw.init in ("independent", "antisymmetric"), "width or init out of range")
        require(self.draw.init == "independent" or self.m % 2 == 0, "pairs of neurons need an even width")
        self.check_method()


class Start(recheck.Start):
    """The drawn network at its first step."""

    def collect(self, reach: list[float]) -> tuple[list[list[int]], list[arb], list[arb]]:
        """Draw all neurons, and see that each sign holds within the tolerance; else as the other rechecker."""
        net = cast(Certificate, self.net)
        inputs = np.array([[float(arb(x)) for x in row] for row in net.inputs])
        rounded = 2.0**-51 * (inputs.shape[1] + 8)  # of inputs, products and their sum, relative to the terms
        sizes, root, far = np.abs(inputs).T * _OUTWARD, math.sqrt(net.m), np.array(reach)
        together, sums, errors = np.zeros((net.n, net.n)), [[] for _ in range(net.n)], np.zeros(net.n)
        for weights, signs in drawn.blocks(net.draw, inputs.shape[1]):
            z = weights @ inputs.T
            error = (drawn.tolerance(weights) + rounded * np.abs(weights)) @ sizes * _OUTWARD
            need((np.abs(z) > error).all(), "which sign a pre-activation has")
            active = (z > 0).astype(np.float32)
            together += active.T @ active  # whole numbers below 2^24, so exact
            outputs = np.maximum(z, 0)
            # k u times the sum of sizes bounds the rounding of a sum of k terms in any order
            errors += (error.sum(axis=0) + 2.0**-52 * len(z) * outputs.sum(axis=0)) * _OUTWARD
            for i, x in enumerate((signs @ outputs).tolist()):
                sums[i].append(x)
            distances = np.maximum(0, (np.abs(z) - error) * root * (1 - 2.0**-40))
            for r in np.flatnonzero((distances <= far).any(axis=1)).tolist():
                self.join(frozenset(np.flatnonzero(active[r]).tolist()), int(signs[r]), distances[r].tolist())
        scale = arb(net.m).sqrt()
        xi = [arb(math.fsum(x)) / scale - arb(y) for x, y in zip(sums, net.targets, strict=True)]
        error = [arb(2 * x / root * _OUTWARD) for x in errors.tolist()]
        return [[int(x) for x in row] for row in together.tolist()], xi, error


def verify(net: Certificate) -> None:
    """Check every claim from the first weights; raise Unproved if one fails."""
    recheck.conclude(net, Start(net))


def main(arguments: list[str]) -> int:
    """Check the file named by the only argument; print one line and return the exit code."""
    return base.decide(arguments, Certificate, verify)


if __name__ == "__main__":
    sys.exit(base.program(sys.argv[1:], main, PLACE))
