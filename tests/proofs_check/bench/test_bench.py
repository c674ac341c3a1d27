"""The benchmark: equals are compared, ratios and exponents are what they say, files keep and show what was measured."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tolerances
from rich.console import Console

from nag_ntk import Network, simulate
from nag_ntk.run import devices
from proofs_check.bench import ceiling, cells, clock, command, contestants, optax_program, peak, record, tables
from proofs_check.bench import torch_program as pytorch
from proofs_check.bench.record import Cell, Comparison, Dense, Ratio, Report, Timing
from proofs_check.commands import bench as bench_command
from proofs_check.commands import cli

ROOT = Path(__file__).resolve().parents[3]
SMALL = Cell(n=6, d=5, m=48, seeds=3, steps=60)
TINY = cells.Effort(
    goals=(cells.Goal(SMALL, 1.5),),
    shapes=1,
    dense=Cell(n=8, d=6, m=64, seeds=2, steps=24),
    axes={"m": (32, 64, 128)},
    growing=("ours", "ours-dense", "optax"),
    peaks=(),
    measured=(),
    rounds=2,
    order=32,
)


@pytest.fixture(scope="module")
def networks():
    """Weights (s, m, d) and signs (s, m)."""
    rng = np.random.default_rng(3)
    signs = rng.choice([-1.0, 1.0], (SMALL.seeds, SMALL.m))
    return rng.standard_normal((SMALL.seeds, SMALL.m, SMALL.d)), signs


@pytest.fixture(scope="module")
def expected(networks):
    """What ours records for these networks, with the start that the other programs have."""
    data, method = cells.problem(SMALL)
    method = method._replace(eta=3 * method.eta)  # so that patterns change
    runs = [
        simulate(data, method, steps=SMALL.steps, initial=Network(*network), start="extrapolated")
        for network in zip(*networks, strict=True)
    ]
    found = optax_program.Recorded(*(np.stack([getattr(r, k)[0, 0] for r in runs]) for k in ("residual", "flips")))
    assert found.flips.any(), "without a flip the test would not see the patterns"
    return data, method, found


def agree(found, wanted):
    assert found.residual.shape == (SMALL.seeds, SMALL.steps + 1, SMALL.n)
    np.testing.assert_allclose(found.residual, wanted.residual, rtol=0, atol=tolerances.OPTAX)
    np.testing.assert_array_equal(found.flips, wanted.flips)


def test_the_optax_program_computes_what_we_compute(networks, expected):
    import jax

    data, method, wanted = expected
    train = optax_program.train(data.inputs, data.targets, method, SMALL.steps)
    agree(jax.jit(jax.vmap(train))(optax_program.Network(*networks)), wanted)


def test_the_torch_program_computes_what_we_compute(networks, expected):
    torch = pytest.importorskip("torch")
    data, method, wanted = expected
    train = pytorch.train(data.inputs, data.targets, method, SMALL.steps)
    agree(train(*(torch.tensor(part) for part in networks)), wanted)


def test_another_momentum_would_not_agree(networks, expected):
    import jax

    data, method, wanted = expected
    other = method._replace(beta=0.9 * method.beta)
    train = optax_program.train(data.inputs, data.targets, other, SMALL.steps)
    with pytest.raises(AssertionError):
        agree(jax.jit(jax.vmap(train))(optax_program.Network(*networks)), wanted)


def test_both_ways_over_seeds_are_one_program():
    drawn = [contestants.optax(SMALL, together=together).run() for together in (True, False)]
    agree(drawn[0], drawn[1])
    first = drawn[0].residual[:, 0]
    assert np.unique(first.round(6), axis=0).shape == first.shape, "every seed has a network of its own"


@pytest.mark.parametrize("name", contestants.available(*contestants.CONTESTANTS))
def test_every_contestant_trains(name):
    prepared = contestants.CONTESTANTS[name](SMALL)
    recorded = prepared.run()
    assert recorded.residual.shape == (SMALL.seeds, SMALL.steps + 1, SMALL.n)
    assert recorded.residual.dtype == np.float64
    assert recorded.flips.shape == (SMALL.seeds, SMALL.steps + 1)
    assert (np.asarray(recorded.flips)[:, 0] == 0).all()
    losses = np.linalg.norm(recorded.residual, axis=-1)
    assert (losses[:, -1] < losses[:, 0]).all()
    assert prepared.engine() == {"ours-dense": "preactivations"}.get(name, prepared.engine())


def test_drawn_networks_have_the_law_of_ours():
    import jax

    network = optax_program.draw(jax.random.key(0), 20_000, 5)
    for values in (network.weights, network.signs):
        assert values.dtype == np.float64
        mean = float(np.mean(values)) * np.sqrt(values.size)
        assert abs(mean) < tolerances.SIGMAS
    assert abs(float(np.mean(network.weights**2)) - 1) < tolerances.SIGMAS * np.sqrt(2 / network.weights.size)
    assert set(np.unique(network.signs)) == {-1.0, 1.0}


def fake_clock(costs):
    """Callables that take so many seconds of a clock that only they move, and that clock; and who was called."""
    now, called = [0.0], []

    def make(name):
        def run():
            called.append(name)
            now[0] += next(costs[name])

        return run

    return {name: make(name) for name in costs}, lambda: now[0], called


def test_rounds_are_interleaved_and_turned_round():
    runs, tick, called = fake_clock({"a": iter([1.0, 2.0, 3.0]), "b": iter([4.0, 5.0, 6.0])})
    assert clock.interleaved(runs, 3, clock=tick) == {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}
    assert called == ["a", "b", "b", "a", "a", "b"]


def test_short_calls_are_repeated():
    runs, tick, called = fake_clock({"a": itertools.repeat(0.01), "b": itertools.repeat(0.02)})
    found = clock.interleaved(runs, 2, clock=tick, least=0.05)
    assert found["a"] == pytest.approx([0.01, 0.01])
    assert called.count("a") == 1 + 5 + 5
    assert called.count("b") == 1 + 3 + 3


def test_a_ratio_is_taken_round_by_round():
    # both were slow in the second round: the ratio of the medians would be 4
    assert record.ratio([2.0, 40.0, 4.0], [1.0, 20.0, 1.0]) == Ratio(median=2.0, low=2.0, high=4.0)
    with pytest.raises(ValueError, match="shorter"):
        record.ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize("b", [0.0, 0.5, 1.0, 2.0])
def test_an_exponent_is_recovered(b):
    values = np.array([32, 64, 128, 256])
    found, low, high = clock.exponent(values, 1e-3 * values**b)
    assert [found, low, high] == pytest.approx([b] * 3, abs=1e-6)
    scattered = 1e-3 * values**b * np.array([1.05, 0.95, 1.05, 0.95])
    found, low, high = clock.exponent(values, scattered)
    assert low < b < high
    assert low < found < high
    assert found != pytest.approx(b, abs=1e-6)


def test_random_cells_are_fixed_and_varied():
    found = cells.random_cells(20)
    assert found[:5] == cells.random_cells(5)
    assert len(set(found)) == 20
    assert all(4 * cell.m * cell.n * cell.d * cell.steps * cell.seeds <= 4e10 for cell in found)
    for axis in Cell.model_fields:
        values = [getattr(cell, axis) for cell in found]
        assert max(values) >= 4 * min(values), axis
    assert found[0] == Cell(**FIRST), "another list would make reports incomparable"


FIRST = {"n": 8, "d": 35, "m": 425, "seeds": 3, "steps": 34}


def test_the_targets_are_those_that_were_agreed():
    found = {tuple(goal.cell.model_dump().values()): goal.ratio for goal in cells.FULL.goals}
    assert found == {(100, 784, 4096, 4, 100): 15, (10, 784, 8192, 4, 100): 40, (64, 64, 4096, 4, 100): 1.5}
    assert (cells.FULL.dense.n, cells.FULL.dense.m, cells.FULL.shapes) == (256, 16_384, 20)
    assert (tables.SHARE_GOAL, tables.DOUBLING_GOAL) == (0.45, 2.05)


@pytest.mark.parametrize("effort", [cells.FULL, cells.QUICK, TINY])
def test_both_dense_runs_are_whole_chunks(effort):
    """Else a surplus of steps would be computed, but not counted."""
    chunk = (effort.dense.steps + 1) // 5
    assert (effort.dense.steps + 1) % chunk == 0


def test_the_share_counts_the_product_alone():
    cell = Cell(n=10, d=3, m=1000, seeds=2, steps=24)
    timings = {
        name: Timing(contestant="ours-dense", seconds=seconds)
        for name, seconds in {"short": [1.5, 1.0], "long": [3.0, 3.5], "half": [1.0, 2.0]}.items()
    }
    dense = Dense(cell=cell, short_steps=4, half_seeds=1, products=[4e6, 1e6], **timings)
    assert dense.operations == 2 * 1000 * 100 * 2 * 20
    assert dense.share == pytest.approx(8e6 / 2.0 / 4e6)  # best long less best short, best product
    assert dense.doubling == Ratio(median=2.375, low=1.75, high=3.0)


def test_ceilings_are_rates(monkeypatch):
    found = ceiling.measure(64, 3, size=2**16)
    assert set(found.products) == set(found.copies) == {"JAX", "NumPy"}
    assert found.product == max(found.products.values())
    spent = {"product JAX": 1.0, "product NumPy": 2.0, "copy NumPy": 0.5, "copy JAX": 4.0}
    monkeypatch.setattr(ceiling, "interleaved", lambda calls, rounds: {name: [spent[name], 9.0] for name in calls})
    found = ceiling.measure(64, 3, size=2**10)
    assert found.products == {"JAX": 2 * 64**3, "NumPy": 64.0**3}
    assert found.copies == {"NumPy": 2.0**15, "JAX": 2.0**12}


def test_copies_copy_everything():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        for name, call in ceiling.copies(1001, pool).items():
            result = call()
            if name == "JAX":
                assert (np.asarray(result) == 2).all()
            else:
                assert len(result) == devices.cores()  # type: ignore[arg-type]
    matrix = ceiling.products(8)
    np.testing.assert_allclose(*(np.asarray(call()) for call in matrix.values()), rtol=0, atol=tolerances.KERNEL * 100)


KEPT = ROOT / "benchmarks" / "performance.json"


@pytest.fixture(scope="module")
def report():
    """The benchmark behind the page of the documentation."""
    return command.read(KEPT)


def survives_its_file(report, folder):
    command.write_json(report, folder / "a.json")
    assert command.read(folder / "a.json") == report
    assert {one.contestant for one in report.goals[0].timings} >= {"ours", "optax", "optax-map"}
    assert report.machine.versions["jax"]


def test_a_report_survives_its_file(report, tmp_path):
    survives_its_file(report, tmp_path)


@pytest.mark.slow
def test_every_part_is_measured(tmp_path):
    """Of tiny cells; times mean nothing."""
    notes = []
    report = command.measure(command="nag-ntk bench", effort=TINY, note=notes.append)
    assert len(notes) == 1 + 1 + 1 + 1 + 3
    survives_its_file(report, tmp_path)
    assert [one.axis for one in report.growth] == ["m"] * 3
    assert_every_part_is_shown(report, "6 × 5 × 48")


def test_the_schema_is_stable():
    """Change record.SCHEMA together with this."""
    found = record.schema()
    assert record.SCHEMA == 1
    assert set(found["properties"]) == set(Report.model_fields)
    assert set(found["required"]) == {"command", "began", "seconds", "quick", "rounds", "machine"}
    fields = {name: sorted(model["properties"]) for name, model in found["$defs"].items()}
    assert fields == {
        "Cell": ["d", "m", "n", "seeds", "steps"],
        "Ceiling": ["copies", "order", "products"],
        "Comparison": ["cell", "target", "timings"],
        "Dense": ["cell", "half", "half_seeds", "long", "products", "short", "short_steps"],
        "Growth": ["axis", "contestant", "exponent", "high", "low", "timings", "values"],
        "Machine": ["cores", "devices", "load", "memory", "processor", "system", "versions"],
        "Peak": ["cell", "contestant", "needed"],
        "Timing": ["compile_seconds", "contestant", "engine", "seconds"],
    }


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"version": 1}', '{"surprise": 1}', "seconds 0", "seconds nan"],
    ids=str,
)
def test_a_foreign_file_is_refused(text, report, tmp_path):
    if text.startswith("seconds"):
        plain = json.loads(report.model_dump_json())
        plain["goals"][0]["timings"][0]["seconds"] = [float(text.split()[1])]
        text = json.dumps(plain)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(command.BenchError, match="holds no benchmark"):
        command.read(tmp_path / "a.json")
    with pytest.raises(command.BenchError, match="cannot read"):
        command.read(tmp_path / "absent.json")


def test_what_is_met_is_what_was_measured():
    def one(ours, optax, target=2.0):
        timings = [Timing(contestant="ours", seconds=[ours]), Timing(contestant="optax", seconds=[optax])]
        return Comparison(cell=SMALL, target=target, timings=timings)

    assert tables.target_text(one(1.0, 2.0), quick=False) == "2: met"
    assert tables.target_text(one(1.0, 1.99), quick=False) == "2: missed"
    assert tables.target_text(one(1.0, 2.0), quick=True) == "–"
    assert one(1.0, 2.0).ratio("torch") is None


def test_tables_show_every_part(report):
    assert_every_part_is_shown(report, "100 × 784 × 4,096")


def assert_every_part_is_shown(report, cell):
    console = Console(record=True, width=120, file=open("/dev/null", "w"))
    with console.file:
        tables.render(report, console)
    shown, page = console.export_text(), tables.markdown(report)
    for title in ("Against other programs", "Random shapes", "Ceilings of", "The dense engine", "Growth"):
        assert title in shown
        assert f"### {title}" in page
    assert cell in shown
    for block in page.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) <= 1, "columns of Markdown"


def test_an_empty_report_has_no_tables(report):
    parts = {"goals": [], "shapes": [], "ceiling": None, "dense": None, "growth": [], "peaks": []}
    empty = report.model_copy(update=parts)
    assert tables.tables(empty) == []
    assert tables.provenance(empty) in tables.markdown(empty)


def test_markdown_replaces_what_is_between_the_markers(report, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\nbefore\n\n{command.BEGIN}\nold\n{command.END}\n\n## After\n", encoding="utf-8")
    for _ in range(2):
        command.write_markdown(report, page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Mine\n\nbefore\n\n<!--")
    assert text.endswith("-->\n\n## After\n")
    assert "old" not in text
    assert text.count("### Growth") == 1
    command.write_markdown(report, tmp_path / "new.md")
    assert "### Growth" in (tmp_path / "new.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", command.BEGIN, command.END + command.BEGIN, 2 * (command.BEGIN + command.END)])
def test_a_page_without_its_markers_is_refused(text, report, tmp_path):
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(command.BenchError, match="needs one line"):
        command.write_markdown(report, tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == text


def test_the_page_of_the_documentation_is_what_the_command_wrote():
    """No figure is typed: the tables are those of the times in benchmarks/performance.json."""
    page = ROOT / "docs" / "performance.md"
    before, after = command.split(page)
    wanted = f"{command.BEGIN}\n\n{tables.markdown(command.read(KEPT))}\n{command.END}"
    assert page.read_text(encoding="utf-8") == f"{before}{wanted}{after}"


@pytest.mark.slow
def test_the_memory_of_a_process_is_its_own():
    ballast = np.ones(2**25)  # 256 MiB in the parent, which getrusage would count
    cell = Cell(n=64, d=64, m=64, seeds=1, steps=2)
    narrow, wide = (peak.measure("ours-dense", cell.replaced(m=m), timeout=300).needed for m in (64, 65_536))
    assert ballast.all()
    # three arrays of (n, m) at least are alive: pre-activations, movement, speed
    assert wide - narrow > 3 * 8 * 64 * 65_536
    assert narrow < ballast.nbytes / 2


def test_a_failing_process_is_an_error():
    with pytest.raises(RuntimeError, match=r"memory of nobody .* failed: KeyError"):
        peak.measure("nobody", SMALL)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The command in this process; `seen` is what it measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("proofs_check.running.session.prepare_jax", lambda: None)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["nag-ntk", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        return end.value.code, *capsys.readouterr()

    return run


def test_the_command_measures_keeps_and_shows(call, monkeypatch, tmp_path):
    monkeypatch.setattr(cells, "QUICK", TINY)
    code, out, err = call(
        "bench", "--quick", "--part", "ceiling", "--rounds", "3", "--json", "a.json", "--markdown", "a.md"
    )
    assert code == 0, err
    assert "Ceilings of this machine" in out
    assert "matrix products" in err
    kept = command.read(tmp_path / "a.json")
    assert kept.command.startswith("nag-ntk bench --quick --part ceiling")
    assert kept.ceiling is not None
    assert (kept.rounds, kept.quick, kept.dense, kept.goals) == (3, True, None, [])
    page = (tmp_path / "a.md").read_text(encoding="utf-8")
    code, again, _ = call("bench", "--read", "a.json", "--markdown", "a.md", "--quiet")
    assert (code, again) == (0, out)
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--read", "absent.json"], "cannot read"),
        (["--read", "a.json", "--quick"], "--read shows"),
        (["--json", "absent/a.json"], "no folder absent"),
        (["--json", "."], "it is a folder"),
        (["--markdown", "bare.md"], "needs one line"),
        (["--part", "nothing"], "nothing"),
        (["--rounds", "0"], "0"),
    ],
)
def test_a_wrong_call_is_one_sentence_before_anything_is_measured(call, monkeypatch, tmp_path, arguments, words):
    (tmp_path / "bare.md").write_text("nothing\n")
    monkeypatch.setattr(command, "measure", lambda *a, **k: pytest.fail("it measured"))
    code, out, err = call("bench", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_interrupting_leaves_nothing(call, monkeypatch, tmp_path):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "measure", stop)
    monkeypatch.setattr(cli, "_leave", lambda code: None)
    code, _, err = call("bench", "--json", "a.json")
    assert code == 130
    assert "nothing was written" in err
    assert not (tmp_path / "a.json").exists()


def test_the_command_names_every_part():
    assert tuple(command.PARTS) == bench_command.PARTS
    assert {field for field, _ in command.PARTS.values()} < set(Report.model_fields)


def test_the_compilation_cache_is_switched_back(monkeypatch):
    import jax

    seen = []
    name = "jax_enable_compilation_cache"
    before = jax.config.values[name]
    monkeypatch.setitem(command.PARTS, "growth", ("growth", lambda *_: seen.append(jax.config.values[name]) or []))
    command.measure(["growth"], effort=TINY)
    assert seen == [False]
    assert jax.config.values[name] == before
