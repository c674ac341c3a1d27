"""A trajectory as a file, as labelled arrays and as a picture."""

import io
import os
import pickle
import stat

import numpy as np
import pytest
from matplotlib.figure import Figure

import nag_ntk
from nag_ntk import InputError, Probe, load, simulate, sphere, theorem_tuning
from nag_ntk.run import saving

DATA = sphere(4, 3)
METHODS = [theorem_tuning(name, DATA) for name in ("gradient_descent", "nesterov")]


def record(**options):
    return simulate(DATA, METHODS, 32, 3, 6, **options)


@pytest.fixture(scope="module")
def run():
    return record()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"recursion": True, "deviation": True, "gram_path": True, "radii": [0.1], "overlap_radii": [0.1]},
        {"engine": "screened"},
        {"init": "antisymmetric", "start": "extrapolated", "dtype": "float32"},
        {"probes": [Probe("norm", lambda snapshot: snapshot.residual, every=2)]},
    ],
    ids=["plain", "everything", "screened", "other arguments", "probes"],
)
def test_what_is_read_is_what_was_saved(options, tmp_path):
    run = record(**options)
    path = run.save(tmp_path / "run.npz")
    assert path == tmp_path / "run.npz"
    again = load(path)
    assert again == run
    assert again.methods == run.methods
    assert again.residual.dtype == run.residual.dtype
    assert not again.residual.flags.writeable
    np.testing.assert_array_equal(again.reach, run.reach)


def test_numbers_that_are_not_finite_and_scheduled_methods_survive(tmp_path):
    method = nag_ntk.scheduled("mine", [0.5, 1e300, 1e300], 0.5, 0.5)
    with np.errstate(all="ignore"):
        run = simulate(DATA, method, 32, 2, 3)
        assert not np.isfinite(run.residual).all()
        assert load(run.save(tmp_path / "run.npz")) == run


def test_a_file_is_replaced_at_once_or_not_at_all(run, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    run.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~saved_umask()
    other = record(key=5)
    other.save(path)
    assert load(path) == other != run

    def half(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "replace", lambda *_: half(io.BytesIO()))
        with pytest.raises(InputError, match="No space left"):
            run.save(path)
    assert load(path) == other
    monkeypatch.setattr(saving.np, "savez", half)
    with pytest.raises(InputError, match=r"run\.npz cannot be written: No space left on device"):
        run.save(path)
    assert load(path) == other
    assert [item.name for item in tmp_path.iterdir()] == ["run.npz"]
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        run.save(tmp_path / "no-folder" / "run.npz")


def saved_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


class Harm:
    """An object whose unpickling would leave a trace."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_files_that_hold_no_trajectory(run, tmp_path):
    good = run.save(tmp_path / "run.npz").read_bytes()
    record_text = str(np.load(tmp_path / "run.npz")["record"])
    trace = tmp_path / "trace"
    path = tmp_path / "bad.npz"
    cases = {
        "empty": b"",
        "text": b"seed,step\n1,2\n",
        "pickle": pickle.dumps(Harm(trace)),
        **{f"cut at {cut}": good[: len(good) * cut // 10] for cut in range(1, 10)},
    }
    for name, content in cases.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.npz (holds no trajectory|cannot be read)"):
            pytest.fail(f"{name}: {load(path)}")
    other_record = '{"format": "nag_ntk trajectory 1", "record": {"type": "os", "fields": {}}}'
    others = {
        "other arrays": {"x": np.ones(3)},
        "objects": {"record": np.array([Harm(trace)], dtype=object)},
        "no arrays": {"record": np.array(record_text)},
        "version": {"record": np.array('{"format": "nag_ntk trajectory 9", "record": {}}')},
        "another record": {"record": np.array('{"format": "nag_ntk trajectory 1", "record": [1, 2]}')},
        "unknown kind": {"record": np.array(other_record)},
    }
    for name, arrays in others.items():
        np.savez(path, **arrays)
        with pytest.raises(InputError, match=r"bad\.npz (holds no trajectory|is of another version)"):
            pytest.fail(f"{name}: {load(path)}")
    assert not trace.exists()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_labelled_arrays_are_those_of_the_record(run):
    arrays = run.to_xarray()
    assert arrays.residual.dims == ("seed", "algorithm", "step", "sample")
    np.testing.assert_array_equal(arrays.residual.sel(algorithm="nesterov"), run.residual[:, 1])
    for name in ("residual_norm", "flip_fraction", "distance", "undecided"):
        np.testing.assert_array_equal(
            arrays[name].transpose("algorithm", "seed", "step"), getattr(run, name).swapaxes(0, 1)
        )
        assert arrays[name].attrs["units"] == "1"
    assert arrays.eta.sel(algorithm="nesterov") == METHODS[1].eta
    assert (arrays.attrs["width"], arrays.attrs["engine"]) == (32, run.engine)
    twice = simulate(DATA, [nag_ntk.heavy_ball(0.1, beta) for beta in (0.2, 0.3)], 32, 1, 1)
    assert twice.to_xarray().algorithm.values.tolist() == ["heavy_ball(beta=0.2)", "heavy_ball(beta=0.3)"]


@pytest.mark.parametrize("quantity", ["residual_norm", "flip_fraction", "distance", "undecided"])
def test_a_picture_shows_median_and_range_of_each_method(run, quantity):
    axes = run.plot(quantity, Figure().add_subplot())
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["gradient_descent", "nesterov"]
    for k, line in enumerate(axes.get_lines()):
        np.testing.assert_array_equal(line.get_ydata(), np.sort(getattr(run, quantity)[:, k], axis=0)[1])
        band = axes.collections[k].get_paths()[0].vertices[:, 1]
        assert band.min() == getattr(run, quantity)[:, k].min()
        assert band.max() == getattr(run, quantity)[:, k].max()
    assert axes.get_yscale() == ("log" if quantity == "residual_norm" else "linear")
    assert axes.get_ylabel().endswith("(1)")


def test_pictures_of_nothing_and_of_what_diverges(run):
    with pytest.raises(InputError, match=r"a trajectory draws residual_norm, .*, got 'loss'"):
        run.plot("loss")
    with np.errstate(all="ignore"):
        wild = simulate(DATA, nag_ntk.gradient_descent(1e300), 32, 2, 4)
        wild.plot(axes=Figure().add_subplot()).figure.canvas.draw()
    still = simulate(DATA, METHODS[0], 32, 1, 0)
    still.plot("flip_fraction", Figure().add_subplot()).figure.canvas.draw()
