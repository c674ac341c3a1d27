"""Toy engine: whole weight matrices in NumPy, one network after the other, with no more than an engine must have."""

import numpy as np

from nag_ntk.engines.engine import TrainedGroup
from nag_ntk.network import draw, seed_key
from nag_ntk.pattern import OverlapRange

NAME = "toy"


class Walker:
    """One network under one method: weights, momentum term, and the network at step 0."""

    def __init__(self, weights, signs, inputs, initial_momentum):
        self.first, self.weights, self.signs = weights, weights, signs
        self.inputs, self.root = inputs, np.sqrt(len(signs))
        self.origin = weights @ inputs.coordinates.T
        self.momentum = -initial_momentum * self.forcing(*self.observe())

    def observe(self):
        """Compute the pattern (m, n) and the residual (n,)."""
        z = self.weights @ self.inputs.coordinates.T
        return z >= 0, self.signs @ np.maximum(z, 0) / self.root - self.inputs.targets

    def forcing(self, active, residual):
        """Compute minus the gradient, (m, p)."""
        return -(self.signs[:, None] / self.root) * (active * residual) @ self.inputs.coordinates

    def step(self, row):
        """Observe, then move."""
        movement_step, decay, momentum_step = row
        active, residual = self.observe()
        flipped = active != (self.origin >= 0)
        record = {
            "residual": residual,
            "flips": np.int32(flipped.sum()),
            "undecided": np.int32(0),
            "distance": np.linalg.norm(self.weights - self.first, axis=1).max(),
            "flip_reach": np.abs(self.origin[flipped]).max(initial=0.0),
        }
        forcing = self.forcing(active, residual)
        self.weights = self.weights + self.momentum + movement_step * forcing
        self.momentum = decay * self.momentum + momentum_step * forcing
        return record

    def gram(self):
        active = self.observe()[0].astype(float)
        return self.inputs.coordinates @ self.inputs.coordinates.T * (active.T @ active) / len(self.signs)


def stacked(records):
    """Stack a list of mappings into one mapping of arrays."""
    return {name: np.stack([record[name] for record in records]) for name in records[0]}


def train(prepared, seeds, run_steps):
    """Draw the networks of a group of seeds and run all steps."""
    inputs, shape, p = prepared.inputs, prepared.shape, prepared.inputs.coordinates.shape[1]
    padded = prepared.layout.pad_group(seeds)
    how = (shape.width, p, shape.dtype, shape.init)
    networks = [prepared.initial or draw(seed_key(inputs.key, seed), *how) for seed in padded]
    networks = [tuple(map(np.asarray, network)) for network in networks]
    states = [[Walker(weights, signs, inputs, q) for q in inputs.initial_momenta] for weights, signs in networks]
    initial = [initial_record(prepared, walkers[0]) for walkers in states][: len(seeds)]
    n = len(inputs.targets)
    ranges = OverlapRange(**{name: np.zeros((len(seeds), 0, n, n)) for name in OverlapRange._fields})
    return TrainedGroup(run_steps(states, seeds), {**stacked(initial), "overlap_range": ranges})


def initial_record(prepared, walker):
    """Compute what is recorded of step 0 of a network."""
    near = np.abs(walker.origin)
    return {
        "initial_gram": walker.gram(),
        "mean_size": near.mean(axis=0),
        "mean_square": (np.maximum(walker.origin, 0) ** 2).mean(axis=0),
        "near_boundary": (near[None] <= prepared.inputs.radii[:, None, None]).sum(axis=1),
        "checksum": np.zeros(2, np.uint32),
    }


def advance(shape, inputs, states, schedules):
    """Observe and step once per row; records with axes seed, method, step."""
    rows = [
        [stacked([walker.step(row) for row in table]) for walker, table in zip(walkers, schedules, strict=True)]
        for walkers in states
    ]
    return states, stacked([stacked(methods) for methods in rows])


def gram_now(shape, inputs, states):
    """Compute H of every network, (s, k, n, n)."""
    return np.array([[walker.gram() for walker in walkers] for walkers in states])
