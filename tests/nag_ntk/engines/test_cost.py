"""What XLA says that a step of the dense engines costs: operations, passes over memory, temporaries. Nothing is timed.

The figures are XLA's own, of the compiled program: the body of a loop counts once however often it runs, so they are
those of one step of one seed, plus what stands outside the loop, which is small for wide networks. They do not depend
on the machine's load, so the bounds are near: each is shown a program that does a pass too many.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from nag_ntk import nesterov, simulate, sphere
from nag_ntk.engines import REPRESENTATIONS
from nag_ntk.engines.dense import step
from nag_ntk.precision import HIGHEST
from nag_ntk.run import neurons

N, WIDTH = 64, 4096


class Caught(Exception):
    """Carries the compiled program out of simulate."""


class Cost(NamedTuple):
    """Per step and seed: operations in units of m n^2; bytes moved, and temporary bytes, in arrays of (n, m)."""

    operations: float
    passes: float
    temporaries: float
    kept: float


def cost(monkeypatch, engine: str, width: int = WIDTH, steps: int = 3) -> Cost:
    """Of the program that simulate would run, caught when it is called."""
    jax.clear_caches()  # a test may have changed the engine
    real = step.advance

    def watched(*arguments):
        raise Caught(real.lower(*arguments).compile())

    with monkeypatch.context() as patch:
        patch.setattr(step, "advance", watched)
        # all neurons in one block, or XLA would count the first of many
        patch.setattr(neurons, "block_length", lambda rows, used: 0)
        with pytest.raises(Caught) as caught:
            simulate(sphere(N, N), nesterov(0.1, 0.5), width, 1, steps, engine=engine)
    (program,) = caught.value.args
    counted, memory = program.cost_analysis(), program.memory_analysis()
    array = 8.0 * N * width
    return Cost(
        counted["flops"] / (width * N**2),
        counted["bytes accessed"] / array,
        memory.temp_size_in_bytes / array,
        (memory.argument_size_in_bytes - memory.alias_size_in_bytes) / array,
    )


# Measured with JAX 0.10.2 are 2.61, 34.3, 3.28, 0.02 and 4.56, 37.6, 3.02, 0.02. Each bound leaves less than what one
# product, one array read and written, or one array held adds; who makes a step cheaper lowers them.
BOUNDS = {
    "preactivations": Cost(operations=3.0, passes=35.6, temporaries=3.7, kept=0.1),
    "weights": Cost(operations=5.0, passes=39.0, temporaries=3.4, kept=0.1),
}
PRODUCTS = {"preactivations": 2, "weights": 4}


@pytest.mark.parametrize("engine", BOUNDS)
def test_a_step_costs_no_more_than_it_did(monkeypatch, engine):
    found = cost(monkeypatch, engine)
    assert found.operations >= PRODUCTS[engine], "the products are counted"
    for name, value, bound in zip(Cost._fields, found, BOUNDS[engine], strict=True):
        assert value <= bound, f"{name}: {value}"


@pytest.mark.parametrize("engine", BOUNDS)
def test_a_second_product_would_be_noticed(monkeypatch, engine):
    usual = REPRESENTATIONS[engine]

    def response(operator, state):
        # the same numbers from rows in another order, which the compiler cannot see
        again = jnp.roll(jnp.dot(jnp.roll(operator, 1, axis=0), state, precision=HIGHEST), -1, axis=0)
        product, squared = usual.response(operator, state)
        return (product + again) / 2, squared

    monkeypatch.setitem(REPRESENTATIONS, engine, usual._replace(response=response))
    assert cost(monkeypatch, engine).operations > BOUNDS[engine].operations


@pytest.mark.parametrize("engine", BOUNDS)
def test_a_pass_too_many_would_be_noticed(monkeypatch, engine):
    usual = REPRESENTATIONS[engine]

    def forcing(operator, masked):
        # a maximum over the array must be known before the first entry can be written
        return usual.forcing(operator, masked / jnp.maximum(1e-6 * jnp.max(jnp.abs(masked)), 1))

    monkeypatch.setitem(REPRESENTATIONS, engine, usual._replace(forcing=forcing))
    assert cost(monkeypatch, engine).passes > BOUNDS[engine].passes


@pytest.mark.parametrize("engine", BOUNDS)
def test_an_array_too_many_would_be_noticed(monkeypatch, engine):
    usual = REPRESENTATIONS[engine]

    def response(operator, state):
        # both orders of the columns are needed at once
        product, squared = usual.response(operator, state)
        turned = jnp.sort(product, axis=1)
        return product + 1e-300 * turned, squared

    monkeypatch.setitem(REPRESENTATIONS, engine, usual._replace(response=response))
    found = cost(monkeypatch, engine)
    assert any(value > bound for value, bound in zip(found, BOUNDS[engine], strict=True)), found


@pytest.mark.parametrize("engine", BOUNDS)
def test_the_figures_are_those_of_one_step(monkeypatch, engine):
    """More steps cost more of them, and the width is divided out: neither may hide a change."""
    once = cost(monkeypatch, engine)
    longer = cost(monkeypatch, engine, steps=9)
    assert longer[:3] == pytest.approx(once[:3], rel=1e-3)
    assert longer.kept == pytest.approx(once.kept, abs=1e-3)  # the method's numbers, a row for each step
    assert cost(monkeypatch, engine, width=2 * WIDTH)[:3] == pytest.approx(once[:3], rel=0.02)
