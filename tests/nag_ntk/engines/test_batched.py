"""The batched engines give the run of the dense ones, in a program whose only loop is that over the steps."""

import collections
import itertools
import re

import devices_program
import jax
import numpy as np
import oracles
import pytest
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st
from tiers import family

import nag_ntk
from nag_ntk import Dataset, Network, simulate
from nag_ntk.engines import REPRESENTATIONS
from nag_ntk.engines.batched import begin, step
from nag_ntk.engines.choice import batched
from nag_ntk.engines.registry import ENGINES
from nag_ntk.run import plan
from nag_ntk.run.checkpoint import SavedChunks, leaves_of, state_like
from nag_ntk.training.prepare import prepare

DATA = nag_ntk.sphere(5, 4, 2)
LARGE = Dataset(DATA.inputs, 20 * DATA.targets)  # neurons flip
METHODS = [
    nag_ntk.gradient_descent(0.3), nag_ntk.heavy_ball(0.3, 0.8), nag_ntk.nesterov(0.2, 0.7),
    nag_ntk.nesterov_increasing(0.2), nag_ntk.scheduled("own", 0.2, [0.1 * (k % 7) for k in range(60)], 0.3),
]  # fmt: skip
EVERYTHING = {
    "recursion": True, "deviation": True, "gram_path": True, "radii": (0.05, 0.3), "overlap_radii": (0.05,),
}  # fmt: skip


def leaves(run) -> dict[str, np.ndarray]:
    """All numbers of a run with EVERYTHING, by name, and those of its probes."""
    return devices_program.leaves(run) | {f"probe.{name}": probed.values for name, probed in run.probes.items()}


def assert_same(found, expected) -> None:
    found, expected = leaves(found), leaves(expected)
    assert set(found) == set(expected)
    for name, value in expected.items():
        if value.dtype.kind == "f":
            size = max(1.0, float(np.abs(value).max(initial=0)))
            np.testing.assert_allclose(found[name], value, rtol=0, atol=tolerances.SAME_RUN * size, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def both(representation: str, *arguments, **options):
    """The run of the batched and of the dense engine."""
    return (simulate(*arguments, engine=name, **options) for name in (batched(representation), representation))


@pytest.mark.parametrize(
    ("representation", "start", "init"),
    family(
        itertools.product(REPRESENTATIONS, ["gradient", "extrapolated"], ["independent", "antisymmetric"]),
        {("weights", "gradient", "independent"), ("preactivations", "extrapolated", "antisymmetric")}.__contains__,
    ),
)
def test_everything_recorded_is_that_of_the_dense_engine(representation, start, init):
    found, expected = both(representation, LARGE, METHODS, 200, 3, 40, start=start, init=init, **EVERYTHING)
    assert expected.flips.max() > 20
    assert expected.recursion is not None
    assert np.abs(expected.recursion.backward).max() > 0
    assert_same(found, expected)


@pytest.mark.slow
@settings(max_examples=10)
@given(
    n=st.integers(1, 9), d=st.integers(2, 5), width=st.integers(1, 70), seeds=st.integers(1, 4),
    steps=st.integers(0, 30), chunk=st.integers(1, 31),
    methods=st.lists(st.sampled_from(METHODS), min_size=1, max_size=3),
    start=st.sampled_from(["gradient", "extrapolated"]), scale=st.sampled_from([0.0, 1.0, 30.0]),
    representation=st.sampled_from(list(REPRESENTATIONS)),
)  # fmt: skip
def test_drawn_runs_are_those_of_the_dense_engine(
    n, d, width, seeds, steps, chunk, methods, start, scale, representation
):
    rows = oracles.unit_rows(np.random.default_rng(n + 10 * d), n, d)
    data = Dataset(rows, scale * np.cos(np.arange(n)))
    options = {"start": start, "chunk": chunk, **EVERYTHING, "gram_path": False}
    found, expected = both(representation, data, methods, width, seeds, steps, **options)
    np.testing.assert_array_equal(found.flips, expected.flips)
    for name in ("residual", "distance", "flip_reach"):
        value = getattr(expected, name)
        size = max(1.0, float(np.abs(value).max()))
        np.testing.assert_allclose(getattr(found, name), value, rtol=0, atol=tolerances.SAME_RUN * size, err_msg=name)


def test_ties_and_dead_neurons():
    """Neurons exactly on a boundary, of weight 0, and never active; a sample of label 0."""
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0], [-1.0, -1.0], [0.0, -1.0]])
    network = Network(weights, np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]))
    data = Dataset([[1.0, 0.0], [0.0, 1.0], [-0.6, 0.8]], [3.0, 0.0, -2.0])
    for representation in REPRESENTATIONS:
        found, expected = both(representation, data, METHODS[:2], steps=25, initial=network, **EVERYTHING)
        assert expected.undecided.max() > 0
        assert_same(found, expected)


def test_a_run_that_overflows_is_the_same():
    """Step sizes far too large: infinities and NaN, and no count of flips that depends on the engine."""
    with np.errstate(all="ignore"):
        found, expected = both("weights", DATA, nag_ntk.gradient_descent(1e30), 20, 2, 30)
    assert not np.isfinite(expected.residual).all()
    np.testing.assert_array_equal(found.flips[:, :, :3], expected.flips[:, :, :3])
    np.testing.assert_array_equal(np.isfinite(found.residual), np.isfinite(expected.residual))


def test_single_precision_agrees_to_its_rounding():
    found, expected = both("preactivations", DATA, METHODS[:2], 300, 2, 30, dtype="float32", recursion=True)
    assert found.residual.dtype == np.float32
    np.testing.assert_allclose(found.residual, expected.residual, rtol=0, atol=tolerances.SINGLE)


def test_seeds_alone_and_together_are_the_same():
    engine = batched("weights")
    alone = simulate(LARGE, METHODS[:2], 100, [7], 20, engine=engine, **EVERYTHING)
    among = simulate(LARGE, METHODS[:2], 100, [3, 7, 1], 20, engine=engine, **EVERYTHING)
    np.testing.assert_array_equal(among.flips[1:2], alone.flips)
    np.testing.assert_allclose(among.residual[1:2], alone.residual, rtol=0, atol=tolerances.SAME_RUN)


@pytest.mark.parametrize("representation", family(list(REPRESENTATIONS), "preactivations".__eq__))
def test_probes_measure_the_same(representation):
    probes = [
        nag_ntk.Probe("weights", lambda network: network.weights, every=5),
        nag_ntk.Probe("pattern", lambda network: network.pattern, every=10),
        nag_ntk.Probe("residual", lambda network: network.residual, every=5),
    ]
    found, expected = both(representation, LARGE, METHODS[:2], 60, 2, 22, probes=probes, **EVERYTHING)
    assert expected.probes["weights"].values.shape == (2, 2, 5, 60, 4)
    assert_same(found, expected)


class Kept:
    """A checkpoint in memory, which stops the run after some chunks."""

    def __init__(self):
        self.chunks = []

    def restore(self, call, about):
        if not self.chunks:
            return None
        return SavedChunks([part for part, _ in self.chunks], lambda fresh: state_like(fresh, self.chunks[-1][1]))

    def keep(self, call, about, part, state, last):
        self.chunks.append((part, leaves_of(state)))


def test_a_run_continues_in_the_middle():
    options = {"engine": batched("preactivations"), "chunk": 10, **EVERYTHING}
    whole = simulate(LARGE, METHODS[:2], 80, 2, 35, **options)
    kept = Kept()

    def stop(done, total):
        if done >= 2 * 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(LARGE, METHODS[:2], 80, 2, 35, progress=stop, checkpoint=kept, **options)
    assert 0 < len(kept.chunks) < 4
    resumed = simulate(LARGE, METHODS[:2], 80, 2, 35, checkpoint=kept, **options)
    for name, value in leaves(whole).items():
        np.testing.assert_array_equal(leaves(resumed)[name], value, err_msg=name)


def lowered(platform: str, *, n=6, width=64, seeds=2, methods=2, steps=9, dtype="float64", **options) -> str:
    """The program of a chunk, lowered for a platform that need not be there."""
    engine = options.pop("engine", batched("weights"))
    prepared = prepare(
        nag_ntk.sphere(n, 5, 1), METHODS[:methods], width, seeds, steps, engine=engine, dtype=dtype, devices=(1, 1),
        **options,
    )  # fmt: skip
    shape, inputs = prepared.shape, prepared.inputs
    states = jax.eval_shape(lambda each: begin.initialise(shape, inputs, each, None)[0], np.arange(seeds, dtype="u4"))
    traced = step.advance.trace(shape, inputs, states, prepared.schedules)
    return traced.lower(lowering_platforms=(platform,)).as_text()


def operations(text: str) -> collections.Counter:
    return collections.Counter(re.findall(r"stablehlo\.\w+", text))


TERMS = [{}, {"recursion": True}, {"recursion": True, "deviation": True}, {"init": "antisymmetric"}]


@pytest.mark.parametrize("platform", family(["cuda", "tpu"], "cuda".__eq__))
@pytest.mark.parametrize("options", TERMS, ids=str)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_the_program_for_an_accelerator_has_one_loop(platform, options, representation):
    """One loop over the steps; no branch, sort or callback; operations that do not grow with networks or width."""
    options = {"engine": batched(representation), **options}
    small = lowered(platform, **options)
    found = operations(small)
    assert found["stablehlo.while"] == 1
    assert f"stablehlo.constant dense<{9 + 1}>" in small, "its turns are the steps"
    assert not {"if", "case", "sort", "custom_call", "infeed", "outfeed"} & {name.split(".")[1] for name in found}
    assert operations(lowered(platform, width=2000, seeds=9, methods=3, steps=99, **options)) == found


@pytest.mark.parametrize("options", TERMS, ids=str)
def test_nothing_is_double_in_a_single_precision_run(options):
    assert "f64" in lowered("cuda", **options)
    assert "f64" not in lowered("cuda", dtype="float32", **options)


def test_what_the_test_of_the_program_would_notice():
    """The dense engine has several loops, so the count can tell."""
    data = nag_ntk.sphere(6, 5, 1)
    prepared = prepare(data, METHODS[:2], 64, 2, 9, engine="weights", devices=(1, 1))
    dense = ENGINES["weights"]
    shape, inputs = prepared.shape, prepared.inputs
    states = jax.eval_shape(lambda each: dense.initialise(shape, inputs, each, None)[0], np.arange(2, dtype="u4"))
    text = dense.advance.trace(shape, inputs, states, prepared.schedules).lower(lowering_platforms=("cuda",)).as_text()
    assert operations(text)["stablehlo.while"] > 1


def test_networks_are_batched_as_far_as_they_fit(monkeypatch):
    """On an accelerator a group is all seeds, or groups of nearly equal size that fit."""
    monkeypatch.setattr(plan.jax, "default_backend", lambda: "gpu")
    arguments = {
        "n": 20, "rank": 10, "rows": 10, "width": 4096, "columns": lambda width: width, "seeds": 1024, "methods": 3,
        "steps": 500, "dtype": np.dtype("float64"), "recursion": True, "radii": 0, "chunk": None, "mesh": (1, 1),
        "batched": True,
    }  # fmt: skip
    whole = plan.make_plan(limit=2**40, **arguments)
    assert whole.group == 1024
    part = plan.make_plan(limit=whole.estimate // 2, **arguments)
    assert part.estimate <= whole.estimate // 2
    assert 1024 / 4 < part.group < 1024 / 2
    assert len(list(part.groups(range(1024)))) * part.group - 1024 < part.group / 8
    assert plan.make_plan(limit=2**40, **arguments | {"mesh": (4, 1)}).group == 1024
    assert plan.make_plan(limit=2**40, **arguments | {"mesh": (4, 1), "seeds": 1022}).group == 1024
