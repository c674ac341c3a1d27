"""benchmarks/speed/accelerator.py at sizes for a CPU: every cell runs, and the file has what a reader needs."""

import json
import sys

import jax
import numpy as np
import pytest
from speed import accelerator

import nag_ntk
from proofs_check.bench import optax_program


@pytest.mark.slow
def test_every_cell_runs_at_small_sizes(monkeypatch, tmp_path):
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["accelerator.py", "--small", "--calls", "1", "--json", str(out)])
    monkeypatch.setattr(accelerator.nag_ntk, "configure", lambda **_: None)  # JAX has started
    accelerator.main()
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["left_out"] == []
    assert set(found["products"]) == {"float64", "float32"}
    kinds = ("many networks", "digits", "default study")
    assert set(found["cells"]) == {f"{kind}, {dtype}" for kind in kinds for dtype in accelerator.TYPES} | {"screened"}
    for name, cell in found["cells"].items():
        for run in cell.get("runs", [cell]):
            assert run["finite"], name
            assert name == "screened" or run["dtype"] in name
            assert len(run["seconds"]) == 1
        if "times_optax" in cell:
            assert cell["times_optax"] > 0
            assert 0 < cell["share_of_product"] < 2
    assert found["cells"]["screened"]["engine"] == "screened"


def test_cells_that_begin_too_late_are_left_out(monkeypatch):
    monkeypatch.setattr(accelerator, "product_rate", lambda order, dtype: 1.0)
    found = accelerator.measure(accelerator.SMALL, 1, -1.0)
    assert found["cells"] == {}
    assert "screened" in found["left_out"]
    assert len(found["left_out"]) == 7


def test_the_optax_program_in_single_precision_trains_in_it():
    data, method = nag_ntk.sphere(3, 2), nag_ntk.nesterov(0.1, 0.5)
    program = optax_program.program(data.inputs, data.targets, method, 8, 2, together=True, dtype="float32")
    assert np.asarray(program(jax.random.split(jax.random.key(0), 2)).residual).dtype == np.float32
    training = optax_program.train(data.inputs.astype("f4"), data.targets.astype("f4"), method, 2)
    network = optax_program.Network(np.ones((8, 2), "f4"), np.ones(8, "f4"))
    assert "f64" not in str(jax.make_jaxpr(training)(network))
