"""The deviation from the linear model that `simulate` records, against loops over pairs and its own laws."""

import chex
import numpy as np
import oracles
import pytest
import tolerances
from tiers import family

from nag_ntk import Dataset, Method, Network, gradient_descent, heavy_ball, nesterov, nesterov_increasing, simulate
from nag_ntk.method import STARTS
from nag_ntk.run.encoding import decoded, encoded

# more gamma than momentum, and a gamma at which momentum_step is negative
METHODS = [
    gradient_descent(0.3), heavy_ball(0.2, 0.8), nesterov(0.2, 0.7), nesterov_increasing(0.2),
    Method("odd", 0.1, 0.5, 2.5),
]  # fmt: skip
ENGINES = ("weights", "preactivations", "screened")
STEPS, WIDTH = 20, 40


def problem(seed):
    """Three inputs in the plane, targets large enough that many neurons flip."""
    rng = np.random.default_rng(seed)
    return oracles.unit_rows(rng, 3, 2), 3 * rng.standard_normal(3), oracles.network(rng, WIDTH, 2)


@pytest.mark.parametrize(
    ("start", "seed"), family([(s, k) for k in range(3) for s in STARTS], lambda case: case[1] == 0)
)
def test_it_is_the_sum_over_pairs_and_obeys_its_bounds(start, seed):
    rows, targets, network = problem(seed)
    data, options = Dataset(rows, targets), {"steps": STEPS, "start": start, "deviation": True}
    runs = {e: simulate(data, METHODS, engine=e, initial=Network(*network), **options) for e in ENGINES}
    for k, method in enumerate(METHODS):
        path = oracles.train(rows, targets, *network, method[1:], start, STEPS)
        expected = oracles.deviation(path, network[1], rows, method[1:], start)
        assert expected["touched"][-1] > 5
        # the three statements, of the oracle's own numbers
        gram = oracles.cross_gram(path.patterns[0], path.patterns[0], rows)
        psi = path.residual - path.residual[0] + oracles.filtered(path.residual, method[1:], start)[0] @ gram
        np.testing.assert_allclose(psi, expected["direct"], rtol=0, atol=tolerances.SAME_RUN)
        assert (np.abs(np.diff(psi, axis=0)) <= expected["bound"][1:] + tolerances.SAME_RUN).all()
        assert expected["flip_ratio"].max() <= 1 + tolerances.SAME_RUN
        for engine, run in runs.items():
            for name, values in expected.items():
                found = getattr(run.deviation, name)[0, k]
                np.testing.assert_allclose(
                    found, values, rtol=0, atol=10 * tolerances.SAME_RUN, err_msg=f"{engine} {name}"
                )  # fmt: skip


@pytest.fixture(scope="module")
def drawn():
    rows, targets, _ = problem(7)
    return Dataset(rows, targets)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_changes_nothing_else_and_does_not_depend_on_chunks_or_seeds(engine, drawn):
    arguments = {"width": WIDTH, "steps": STEPS, "engine": engine}
    whole = simulate(drawn, METHODS[:3], seeds=3, deviation=True, **arguments)
    plain = simulate(drawn, METHODS[:3], seeds=3, **arguments)
    alone = simulate(drawn, METHODS[:3], seeds=[1], chunk=7, deviation=True, recursion=True, **arguments)
    assert plain.deviation is None
    np.testing.assert_array_equal(plain.flips, whole.flips)
    np.testing.assert_allclose(plain.residual, whole.residual, rtol=0, atol=tolerances.SAME_RUN)
    for name, values in vars(alone.deviation).items():
        np.testing.assert_allclose(
            values[0], getattr(whole.deviation, name)[1], rtol=0, atol=tolerances.SAME_RUN, err_msg=name
        )
    assert (np.diff(whole.deviation.touched, axis=-1) >= 0).all()
    assert (whole.deviation.touched >= whole.flips).all()
    assert (whole.deviation.reach.max(-1) >= whole.flip_reach).all()
    arrays = {}
    chex.assert_trees_all_equal(vars(decoded(encoded(whole, "", arrays), arrays).deviation), vars(whole.deviation))
    with pytest.raises(ValueError, match="read-only"):
        whole.deviation.direct[0] = 0


def test_single_precision_and_a_run_without_flips(drawn):
    single = simulate(drawn, METHODS[:3], WIDTH, 3, STEPS, dtype="float32", deviation=True)
    double = simulate(drawn, METHODS[:3], WIDTH, 3, 0, deviation=True)
    assert single.deviation.direct.dtype == np.float32
    assert single.deviation.flip_ratio.max() <= 1
    assert single.deviation.touched.max() > 5
    for values in vars(double.deviation).values():
        assert not values.any()
