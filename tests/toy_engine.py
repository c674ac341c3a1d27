"""A toy engine: whole weight matrices in NumPy, one network after the other; what an engine must have, no more."""

import numpy as np

from nag_ntk.engines.engine import Outcome
from nag_ntk.network import draw, seed_key
from nag_ntk.pattern import OverlapRange

NAME = "toy"


class Walker:
    """One network under one method: weights, their speed, and what step 0 looked like."""

    def __init__(self, weights, signs, problem, pull):
        self.first, self.weights, self.signs = weights, weights, signs
        self.problem, self.root = problem, np.sqrt(len(signs))
        self.origin = weights @ problem.coordinates.T
        self.speed = -pull * self.drive(*self.seen())

    def seen(self):
        """Pattern (m, n) and residual (n,)."""
        z = self.weights @ self.problem.coordinates.T
        return z >= 0, self.signs @ np.maximum(z, 0) / self.root - self.problem.targets

    def drive(self, active, residual):
        """The gradient, (m, p), with its sign: what u is pushed by, times -a / sqrt m."""
        return -(self.signs[:, None] / self.root) * (active * residual) @ self.problem.coordinates

    def step(self, row):
        """Observe, then move."""
        push, decay, lift = row
        active, residual = self.seen()
        flipped = active != (self.origin >= 0)
        record = {
            "residual": residual,
            "flips": np.int32(flipped.sum()),
            "undecided": np.int32(0),
            "distance": np.linalg.norm(self.weights - self.first, axis=1).max(),
            "flip_reach": np.abs(self.origin[flipped]).max(initial=0.0),
        }
        force = self.drive(active, residual)
        self.weights = self.weights + self.speed + push * force
        self.speed = decay * self.speed + lift * force
        return record

    def gram(self):
        active = self.seen()[0].astype(float)
        return self.problem.coordinates @ self.problem.coordinates.T * (active.T @ active) / len(self.signs)


def stacked(records):
    """A list of mappings as one mapping of arrays."""
    return {name: np.stack([record[name] for record in records]) for name in records[0]}


def train(made, group, drive):
    """Draw, lay out, have it driven."""
    problem, p = made.problem, made.problem.coordinates.shape[1]
    seeds = made.layout.filled(group)
    networks = [
        made.given or draw(seed_key(problem.key, seed), made.shape.width, p, made.shape.dtype) for seed in seeds
    ]
    networks = [tuple(map(np.asarray, network)) for network in networks]
    state = [[Walker(weights, signs, problem, pull) for pull in problem.pulls] for weights, signs in networks]
    begun = [at_the_start(made, walkers[0]) for walkers in state][: len(group)]
    n = len(problem.targets)
    ranges = OverlapRange(**{name: np.zeros((len(group), 0, n, n)) for name in OverlapRange._fields})
    return Outcome(drive(state, group), {**stacked(begun), "overlap_range": ranges})


def at_the_start(made, walker):
    """What is recorded once of a network."""
    near = np.abs(walker.origin)
    return {
        "initial_gram": walker.gram(),
        "mean_size": near.mean(axis=0),
        "mean_square": (np.maximum(walker.origin, 0) ** 2).mean(axis=0),
        "near_boundary": (near[None] <= made.problem.radii[:, None, None]).sum(axis=1),
        "checksum": np.zeros(2, np.uint32),
    }


def advance(shape, problem, state, paces):
    """One observation and step per row; records with axes seed, method, step."""
    rows = [
        [stacked([walker.step(row) for row in table]) for walker, table in zip(walkers, paces, strict=True)]
        for walkers in state
    ]
    return state, stacked([stacked(methods) for methods in rows])


def gram_now(shape, problem, state):
    """H of every network, (s, k, n, n)."""
    return np.array([[walker.gram() for walker in walkers] for walkers in state])
