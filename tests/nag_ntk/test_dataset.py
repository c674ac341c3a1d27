"""Datasets: what is accepted, how it is reduced to the span of the inputs, and what bad data is answered with."""

import copy
import pickle

import numpy as np
import oracles
import pytest
import tolerances
from answers import answer, unchecked  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

import nag_ntk
from nag_ntk import Dataset, InputError, digits, from_npz, near_parallel_pairs, sphere

seeds = st.integers(0, 2**32 - 1)


GOOD = [[1.0, 0.0], [0.6, 0.8]]
BAD_DATA = {
    "nan": ([[1.0, 0.0], [np.nan, 1.0]], [1, 2], {}, ["inputs", "finite", "(1, 0)"]),
    "infinite": ([[1.0, np.inf], [0.0, 1.0]], [1, 2], {"normalise": True}, ["inputs", "finite", "(0, 1)"]),
    "target nan": (GOOD, [1.0, np.nan], {}, ["targets", "finite", "(1,)"]),
    "target infinite": (GOOD, [-np.inf, 1.0], {}, ["targets", "finite", "(0,)"]),
    "complex": ([[1j, 0], [0, 1]], [1, 2], {}, ["inputs", "complex128", "convert"]),
    "complex targets": (GOOD, [1j, 2], {}, ["targets", "complex128"]),
    "text": ([["a", "b"], ["c", "d"]], [1, 2], {}, ["inputs", "real numbers", "<U1"]),
    "text targets": (GOOD, ["odd", "even"], {}, ["targets", "real numbers"]),
    "objects": ([[None, 1.0]], [1], {}, ["inputs", "object"]),
    "ragged": ([[1.0, 0.0], [1.0]], [1, 2], {}, ["inputs", "rectangular"]),
    "long row": ([[1.0, 0.0], [0.6, 0.9]], [1, 2], {}, ["row 1", "1.08", "normalise=True"]),
    "short row": ([[1.0, 0.0], [0.6, 0.8 - 1e-9]], [1, 2], {}, ["row 1", "unit norm"]),
    "zero row": ([[1.0, 0.0], [0.0, 0.0]], [1, 2], {"normalise": True}, ["row 1", "zero", "remove"]),
    "zero row as it is": ([[0.0, 0.0], [1.0, 0.0]], [1, 2], {}, ["row 0", "zero"]),
    "vector": ([1.0, 0.0], [1, 2], {}, ["matrix (n, d)", "(2,)"]),
    "cube": (np.ones((2, 2, 2)), [1, 2], {}, ["matrix (n, d)", "(2, 2, 2)"]),
    "scalar": (1.0, [1], {}, ["matrix (n, d)", "()"]),
    "few targets": (GOOD, [1.0], {}, ["targets", "(2,)", "(1,)"]),
    "target column": (GOOD, [[1.0], [2.0]], {}, ["targets", "(2,)", "(2, 1)"]),
    "no samples": (np.empty((0, 3)), [], {}, ["at least one sample", "(0, 3)"]),
    "no entries": (np.empty((2, 0)), [1, 2], {}, ["at least one", "(2, 0)"]),
    "empty list": ([], [], {}, ["inputs", "(0,)"]),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_named_in_one_sentence(case):
    inputs, targets, options, fragments = BAD_DATA[case]
    message = answer(lambda: Dataset(inputs, targets, **options))
    for fragment in fragments:
        assert fragment in message


def good_file(folder, **arrays):
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


def test_a_dataset_from_a_file(tmp_path):
    path = good_file(tmp_path, inputs=GOOD, targets=[1, -1], rows=[[3.0, 4.0]], labels=[2.0])
    data = from_npz(path)
    assert (data.inputs.tolist(), data.targets.tolist(), data.name) == (GOOD, [1.0, -1.0], "data")
    other = from_npz(str(path), inputs="rows", targets="labels", normalise=True)
    assert other.inputs.tolist() == [[0.6, 0.8]]


def test_bad_files_are_named_in_one_sentence(tmp_path):
    missing = tmp_path / "none.npz"
    assert str(missing) in answer(lambda: from_npz(missing))
    assert str(tmp_path) in answer(lambda: from_npz(tmp_path))
    written = {
        "text.npz": b"not a zip",
        "empty.npz": b"",
        "zip.npz": b"PK\x03\x04broken",
        "cut.npz": good_file(tmp_path, inputs=GOOD, targets=[1, 2]).read_bytes()[:200],
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
        message = answer(lambda name=name: from_npz(tmp_path / name))
        assert name in message
        assert "no readable .npz" in message
    content = bytearray(good_file(tmp_path, inputs=np.eye(20), targets=np.ones(20)).read_bytes())
    content[400] ^= 0xFF  # inside the array: the checksum of the archive tells
    (tmp_path / "flipped.npz").write_bytes(content)
    assert "flipped.npz" in answer(lambda: from_npz(tmp_path / "flipped.npz"))
    np.savez_compressed(tmp_path / "packed.npz", inputs=np.eye(20), targets=np.ones(20))
    content = bytearray((tmp_path / "packed.npz").read_bytes())
    content[60:90] = b"\xff" * 30
    (tmp_path / "packed.npz").write_bytes(content)
    assert "packed.npz" in answer(lambda: from_npz(tmp_path / "packed.npz"))
    np.save(tmp_path / "single.npy", np.eye(2))
    assert "single.npy" in answer(lambda: from_npz(tmp_path / "single.npy"))
    message = answer(lambda: from_npz(good_file(tmp_path, inputs=GOOD, labels=[1, 2])))
    assert "inputs, labels" in message
    assert message.endswith("not targets")


def test_pickles_are_refused(tmp_path):
    path = good_file(tmp_path, inputs=np.array([[1.0, "x"]], dtype=object), targets=[1])
    assert "no readable .npz" in answer(lambda: from_npz(path))
    assert "rows of unit norm" in answer(lambda: from_npz(good_file(tmp_path, inputs=[[2.0]], targets=[1])))


BAD_SOURCES = {
    "too many digits": (lambda: digits(5000), ["1797", "5000"]),
    "beyond the last": (lambda: digits(10, offset=1790), ["1797", "1800"]),
    "negative offset": (lambda: digits(10, offset=-1), ["-1"]),
    "no digits": (lambda: digits(0), ["samples", "0"]),
    "digit labels": (lambda: digits(5, labels="odd"), ["odd", "parity"]),
    "true samples": (lambda: sphere(True, 3), ["samples", "True"]),
    "half a sample": (lambda: sphere(1.5, 3), ["samples", "1.5"]),
    "no dimension": (lambda: sphere(3, 0), ["dimension", "0"]),
    "sphere labels": (lambda: sphere(3, 3, labels="x"), ["'x'", "signs"]),
    "paired on the sphere": (lambda: sphere(4, 3, labels="paired"), ["paired"]),
    "angle 0": (lambda: near_parallel_pairs(2, 0.0, 8), ["angle", "0.0"]),
    "angle nan": (lambda: near_parallel_pairs(2, float("nan"), 8), ["angle", "nan"]),
    "angle 2": (lambda: near_parallel_pairs(2, 2.0, 8), ["angle", "2.0"]),
    "angle text": (lambda: near_parallel_pairs(2, "wide", 8), ["angle", "'wide'"]),
    "pairs too many": (lambda: near_parallel_pairs(3, 0.1, 5), ["dimension >= 6", "5"]),
    "no pairs": (lambda: near_parallel_pairs(0, 0.1, 5), ["pairs", "0"]),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", BAD_SOURCES)
def test_bad_sources_are_named_in_one_sentence(case):
    call, fragments = BAD_SOURCES[case]
    message = answer(call)
    for fragment in fragments:
        assert fragment in message


def test_digits_and_their_labels():
    from sklearn.datasets import load_digits

    classes = load_digits().target
    assert digits(30, offset=5).targets.tolist() == [1.0 if c % 2 else -1.0 for c in classes[5:35]]
    np.testing.assert_allclose(digits(30, "centred").targets, (classes[:30] - 4.5) / 4.5, rtol=1e-15)
    both, tail = digits(30, "random"), digits(10, "random", offset=20)
    assert set(both.targets) == {-1.0, 1.0}
    assert both.targets[20:].tolist() == tail.targets.tolist()
    np.testing.assert_array_equal(both.inputs[20:], tail.inputs)
    assert digits(1797).size == 1797


def test_sources_are_reproducible_and_follow_their_key():
    for make in (lambda k: sphere(5, 4, k), lambda k: near_parallel_pairs(2, 0.1, 5, k)):
        np.testing.assert_array_equal(make(1).inputs, make(1).inputs)
        assert np.abs(make(1).inputs - make(2).inputs).max() > 0.1
    assert len(set(sphere(5, 4, labels="gaussian").targets)) == 5
    paired = near_parallel_pairs(8, 0.1, 20, labels="paired").targets
    np.testing.assert_array_equal(paired[::2], paired[1::2])


@pytest.mark.parametrize("angle", [1e-6, 1e-3, 0.5, np.pi / 2])
def test_near_parallel_pairs_have_their_angle_and_nothing_else(angle):
    data = near_parallel_pairs(3, angle, 9, key=4)
    theta = np.asarray(nag_ntk.angles(data.inputs))
    for i in range(6):
        for j in range(6):
            expected = 0.0 if i == j else angle if i // 2 == j // 2 else np.pi / 2
            assert theta[i, j] == pytest.approx(expected, abs=tolerances.KERNEL)


@settings(max_examples=25)
@given(seed=seeds, exponent=st.floats(-200, 200))
def test_normalising_forgets_the_scale_of_every_row(seed, exponent):
    rng = np.random.default_rng(seed)
    rows, targets = rng.standard_normal((4, 3)), rng.standard_normal(4)
    reference = Dataset(rows, targets, normalise=True)
    np.testing.assert_allclose(np.linalg.norm(reference.inputs, axis=1), 1, rtol=tolerances.KERNEL)
    np.testing.assert_allclose(
        reference.inputs, rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=tolerances.KERNEL
    )
    powers = 2.0 ** rng.integers(-300, 300, size=(4, 1))
    np.testing.assert_array_equal(Dataset(rows * powers, targets, normalise=True).inputs, reference.inputs)
    scaled = Dataset(rows * 10.0**exponent, targets, normalise=True)
    np.testing.assert_allclose(scaled.inputs, reference.inputs, rtol=0, atol=tolerances.KERNEL)
    Dataset(reference.inputs, targets)  # its own output is unit by its own measure


def test_rows_normalised_in_float32_are_accepted_as_unit():
    rows = np.random.default_rng(0).standard_normal((50, 700)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert Dataset(rows, np.zeros(50)).inputs.dtype == np.float64
    with pytest.raises(InputError, match="unit norm"):
        Dataset(rows.astype(np.float64), np.zeros(50))


def test_a_dataset_copies_and_is_read_only():
    rows, targets = np.eye(2), np.array([1.0, 2.0])
    data = Dataset(rows, targets, name="two")
    rows[0, 0] = targets[0] = 7.0
    assert data.inputs[0, 0] == data.targets[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        data.inputs[0, 0] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        data.targets[0] = 2.0
    assert repr(data) == "Dataset('two', n=2, d=2)"
    assert Dataset([[1, 0], [0, 1]], [True, False]).targets.tolist() == [1.0, 0.0]


@settings(max_examples=40)
@given(seed=seeds, n=st.integers(1, 8), d=st.integers(1, 8), rank=st.integers(1, 8), repeat=st.booleans())
def test_the_rank_is_found_and_the_kernel_kept(seed, n, d, rank, repeat):
    """Inputs of known rank, repeated and reversed rows included, in any of n < d, n = d, n > d."""
    rank = min(n, d, rank)
    rng = np.random.default_rng(seed)
    frame, _ = np.linalg.qr(rng.standard_normal((d, rank)))
    # orthonormal rows keep the span well conditioned: the rank is not a matter of taste
    mixing = np.concatenate([np.eye(rank), rng.standard_normal((n - rank, rank))])
    if repeat and n > rank:
        mixing = np.concatenate([-mixing[:1], mixing[:-1]])
    data = Dataset(mixing @ frame.T, np.zeros(n), normalise=True)
    coordinates = data.coordinates
    assert coordinates.shape == (n, rank)
    np.testing.assert_allclose(coordinates @ coordinates.T, data.kernel, rtol=0, atol=tolerances.KERNEL)
    np.testing.assert_allclose(data.kernel, data.inputs @ data.inputs.T, rtol=0, atol=tolerances.KERNEL)
    if data.basis is not None:
        np.testing.assert_allclose(data.basis.T @ data.basis, np.eye(rank), rtol=0, atol=tolerances.KERNEL)
        np.testing.assert_allclose(coordinates @ data.basis.T, data.inputs, rtol=0, atol=tolerances.KERNEL)


def test_close_pairs_keep_their_rank():
    """At 1e-9 rad the second of a pair adds a direction; exactly equal rows do not."""
    assert near_parallel_pairs(3, 1e-9, 12).coordinates.shape == (6, 6)
    rows = np.repeat(oracles.unit_rows(np.random.default_rng(0), 3, 12), 2, axis=0)
    assert Dataset(rows, np.zeros(6), normalise=True).coordinates.shape == (6, 3)


def test_repeated_inputs_have_no_condition_number():
    data = Dataset([[1.0, 0.0], [1.0, 0.0]], [1.0, -1.0])
    assert abs(data.spectrum.lambda_0) < tolerances.PSD


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))], ids=["copy", "pickle"]
)
def test_a_dataset_can_be_copied_and_sent_to_another_process(copied):
    data = Dataset(np.array([[1.0, 0.0], [0.6, 0.8]], np.float32), [1, -1], name="two", origin={"source": "mine"})
    for given_ in (data, digits(5)):
        kappa = given_.spectrum.kappa  # what is cached is no obstacle
        other = copied(given_)
        assert (other.name, other.origin, other.spectrum.kappa) == (given_.name, given_.origin, kappa)
        assert np.array_equal(other.inputs, given_.inputs)
        assert np.array_equal(other.targets, given_.targets)
        assert not other.inputs.flags.writeable
        with pytest.raises(TypeError):
            other.origin["source"] = "another"
