"""H(t) along a run: looked at from step 0 to step T, at steps that no length of a chunk decides."""

import numpy as np
import pytest
from tiers import family

import nag_ntk
from nag_ntk import Probe, simulate, sphere
from nag_ntk.run import plan
from proofs_check.judging.ask import outcomes_of
from proofs_check.judging.verdict import decide
from proofs_check.lemma import Run
from proofs_check.lemmas import CATALOGUE
from proofs_check.store.steps import Steps

DATA = sphere(3, 3, 0)
METHODS = [nag_ntk.theorem_tuning(name, DATA) for name in ("gradient_descent", "nesterov")]
CHUNK = 7  # one length in all tests, since each is compiled
LAZY = next(lemma for lemma in CATALOGUE if lemma.id == "lazy-exit")


def train(steps, engine="preactivations", **options):
    return simulate(DATA, METHODS, 40, 3, steps, engine=engine, gram_path=True, **options)


def said(trajectory):
    """The finding of lazy-exit, times apart."""
    run = Run("a", DATA, tuple(METHODS), trajectory, 0.1)
    (finding,) = decide(outcomes_of(LAZY, run, "a", 10.0), 0.05)
    return {**finding.to_row(), "wall_time": 0.0}


def gram_of_the_recursion(trajectory, step):
    """lambda_min(H(t)) of a single sample from H(t) xi(t), which is recorded apart."""
    terms = trajectory.recursion.gram_residual[:, :, step, 0]
    return terms / trajectory.residual[:, :, step, 0]


@pytest.mark.parametrize("steps", [0, 1, 5, 25, 127, 128, 129, 130, 300, 500])
@pytest.mark.parametrize("every", [(), (10,), (7, 14), (1000,), (129,)])
def test_the_looks_go_from_the_first_step_to_the_last(steps, every):
    spacing = plan.gram_interval(steps, every)
    assert 1 <= spacing <= 132
    chunk = plan.common_chunk([*every, spacing], 128)
    assert spacing % chunk == 0
    assert all(number % chunk == 0 for number in every)
    if not every:  # enough looks, and chunks that do not become tiny
        assert steps // spacing <= steps // 64
        assert all(plan.common_chunk([spacing], most) >= most / 6 for most in range(6, spacing + 1))


@pytest.mark.parametrize("engine", family(["preactivations", "screened"], "preactivations".__eq__))
def test_chunks_change_no_finding(engine):
    """The same steps are looked at, with the same eigenvalues and the same finding, however the run is cut."""
    whole = train(130, engine)
    np.testing.assert_array_equal(whole.gram_path.steps, [0, 66, 130])
    for chunk in (128, CHUNK):
        parts = train(130, engine, chunk=chunk)
        for name in ("steps", "least_eigenvalue", "drift"):
            np.testing.assert_array_equal(getattr(parts.gram_path, name), getattr(whole.gram_path, name))
        np.testing.assert_array_equal(parts.residual, whole.residual)
        assert said(parts) == said(whole)
    assert said(whole)["witness"]["time"] in ("step 0", "step 66", "step 130")


@pytest.mark.parametrize(
    ("engine", "steps"), [("weights", 11), ("preactivations", 0), ("preactivations", 11), ("screened", 6)]
)
def test_the_last_gram_matrix_is_that_of_the_last_step(engine, steps):
    """Step T in a run that ends there is step T in a run that goes on, and agrees with the recursion's H(T) xi(T)."""
    one = nag_ntk.Dataset([[1.0]], [3.0])  # H is a number
    method = nag_ntk.nesterov(0.5, 0.9)
    run = simulate(one, method, 300, 2, steps, engine=engine, gram_path=True, recursion=True, chunk=4)
    assert run.gram_path.steps.tolist() == sorted({*range(0, steps, plan.gram_interval(steps)), steps})
    for place, step in enumerate(run.gram_path.steps):
        expected = gram_of_the_recursion(run, step)
        np.testing.assert_allclose(run.gram_path.least_eigenvalue[:, :, place], expected, rtol=1e-12)  # rounding
    longer = simulate(one, method, 300, 2, steps + 9, engine=engine, recursion=True, chunk=4)
    np.testing.assert_array_equal(longer.residual[:, :, : steps + 1], run.residual)
    assert steps == 0 or (run.flips[..., -1] > 0).all()


def test_the_last_look_of_a_run_that_was_stopped_is_that_of_the_last_step(tmp_path):
    class Stopped(Exception):
        pass

    def train_in(folder, stop_after=0):
        seen = []

        def progress(done, total):
            seen.append(done)
            if len(seen) == stop_after:
                raise Stopped

        keeper = Steps(folder, {"run": "a"}, [].append, every=0)
        return train(130, chunk=CHUNK, progress=progress, checkpoint=keeper)

    whole = train(130)
    for chunks in (1, 12, 21):
        with pytest.raises(Stopped):
            train_in(tmp_path / str(chunks), chunks)
        again = train_in(tmp_path / str(chunks))
        for name in ("steps", "least_eigenvalue", "drift"):
            np.testing.assert_array_equal(getattr(again.gram_path, name), getattr(whole.gram_path, name))


def test_probes_and_looks_share_the_chunks():
    probe = Probe("step", lambda network: network.step, 12)
    run = train(130, probes=[probe], chunk=CHUNK)
    assert run.gram_path.steps.tolist() == [0, 60, 120, 130]
    assert run.probes["step"].values[0, 0].tolist() == [*range(0, 130, 12)]
