"""Files of images: read as they are published, in any subset, and damaged ones answered in one sentence."""

import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import sklearn.datasets
from answers import answer, unchecked  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from image_files import CLASSES, COLOURS, COUNT, PICTURES, as_idx, batch, cifar_folder, mnist_files

import nag_ntk
from nag_ntk import InputError, cifar10, digits, fashion_mnist, mnist
from nag_ntk.sources import batches, formats, images
from proofs_check import store
from proofs_check.running import runner
from proofs_check.study.load import parse_study

ROUNDING = 1e-15  # a few roundings of entries below 1
KERNEL = 3072 * 2.0**-53  # an inner product of d entries, summed in any order


def unit(rows):
    rows = rows.reshape(len(rows), -1).astype(float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=6)), st.booleans())
def test_idx_files_are_read_back(tmp_path_factory, array, packed):
    path = tmp_path_factory.getbasetemp() / "round-trip"
    path.write_bytes(gzip.compress(as_idx(array)) if packed else as_idx(array))
    np.testing.assert_array_equal(formats.idx(path, array.ndim), array)


@given(st.binary(max_size=60), st.integers(1, 3))
def test_noise_is_no_idx_file_or_exactly_one(tmp_path_factory, noise, axes):
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(noise)
    try:
        found = formats.idx(path, axes)
    except InputError:
        return
    assert as_idx(found) == noise


@given(st.binary(max_size=200))
def test_noise_is_no_batch(tmp_path_factory, noise):
    with pytest.raises(InputError, match="noise"):
        batches.cifar_batch(tmp_path_factory.getbasetemp() / "noise", io.BytesIO(noise))


@given(st.integers(0, 4000), st.integers(0, 255))
def test_a_damaged_batch_is_a_batch_or_refused(tmp_path_factory, place, value):
    content = bytearray(batch(COLOURS[:1], CLASSES[:1]))
    content[place % len(content)] = value
    try:
        rows, classes = batches.cifar_batch(tmp_path_factory.getbasetemp() / "x", io.BytesIO(bytes(content)))
        assert rows.dtype == np.uint8
        assert rows.shape == (len(classes), 3072)
    except InputError:
        pass


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(("make", "title"), [(mnist, "MNIST"), (fashion_mnist, "Fashion-MNIST")])
def test_mnist_from_idx_files(tmp_path, make, title, ending):
    mnist_files(tmp_path / "a", ending=ending)
    mnist_files(tmp_path / "a", "test", ending, PICTURES[::-1], CLASSES[::-1], dot=".")
    data = make(tmp_path / "a", 12)
    np.testing.assert_allclose(data.inputs, unit(PICTURES[:12]), rtol=0, atol=ROUNDING)
    assert data.targets.tolist() == [1.0 if c % 2 else -1.0 for c in CLASSES[:12]]
    assert data.name == f"{title}-12"
    assert dict(data.origin) == {
        "collection": f"{title}, train", "from": "a", "images": "0 to 11",
        "targets": "+1 for odd, -1 for even classes", "normalisation": "rows scaled to length 1",
    }  # fmt: skip
    reverse = make(tmp_path / "a", 5, split="test", offset=3)
    np.testing.assert_allclose(reverse.inputs, unit(PICTURES[::-1][3:8]), rtol=0, atol=ROUNDING)


def test_cifar_from_a_folder_an_archive_and_arrays(tmp_path):
    folder = cifar_folder(tmp_path / "a")
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder / "cifar-10-batches-py", "cifar-10-batches-py")
    shaped = COLOURS.reshape(COUNT, 3, 32, 32).transpose(0, 2, 3, 1)
    stored = tmp_path / "c.npz"
    np.savez(stored, x_train=shaped, y_train=CLASSES[:, None], x_test=shaped[::-1], y_test=CLASSES[::-1])
    places = (folder, folder / "cifar-10-batches-py", archive, tmp_path, stored)
    made = [cifar10(path, 30) for path in places]
    np.testing.assert_allclose(made[0].inputs, unit(COLOURS[:30]), rtol=0, atol=ROUNDING)
    for data in made:
        np.testing.assert_allclose(data.kernel, made[0].kernel, rtol=0, atol=KERNEL)
        assert data.targets.tolist() == made[0].targets.tolist()
    assert made[2].origin["from"] == "cifar-10-python.tar.gz"
    kernel = unit(COLOURS[::-1][:9]) @ unit(COLOURS[::-1][:9]).T
    for path in (folder, archive, stored):
        np.testing.assert_allclose(cifar10(path, 9, split="test").kernel, kernel, rtol=0, atol=KERNEL)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_a_batch_of_any_protocol_is_read(tmp_path, protocol):
    rows, classes = batches.cifar_batch(tmp_path, io.BytesIO(batch(protocol=protocol)))
    np.testing.assert_array_equal(rows, COLOURS)
    np.testing.assert_array_equal(classes, CLASSES)


def test_choices_of_images_and_targets():
    values, numbers = sklearn.datasets.load_digits(return_X_y=True)
    three = np.flatnonzero(np.isin(numbers, [8, 3]))
    pair = digits(15, "pair", 4, classes=[8, 3])
    np.testing.assert_allclose(pair.inputs, unit(values[three[4:19]]), rtol=0, atol=ROUNDING)
    assert pair.targets.tolist() == [1.0 if numbers[i] == 3 else -1.0 for i in three[4:19]]
    assert pair.origin["images"] == "4 to 18 of the classes 8, 3"
    one = digits(20, "one", classes=[2])
    np.testing.assert_array_equal(one.inputs, digits(20).inputs)
    assert one.targets.tolist() == [1.0 if c == 2 else -1.0 for c in numbers[:20]]
    some = digits(9, "centred", classes=[1, 5, 9])
    kept = np.flatnonzero(np.isin(numbers, [1, 5, 9]))[:9]
    np.testing.assert_allclose(some.targets, (numbers[kept] - 4.5) / 4.5, rtol=1e-15)
    signs = digits(1797, "random", key=3).targets
    assert digits(9, "random", key=3, classes=[1, 5, 9]).targets.tolist() == signs[kept].tolist()
    assert abs(signs.mean()) < 5 / 1797**0.5  # five standard deviations of fair signs
    assert digits(1797, "random", key=4).targets.tolist() != signs.tolist()


def test_centring_subtracts_the_mean_of_the_whole_collection():
    values, numbers = sklearn.datasets.load_digits(return_X_y=True)
    data = digits(10, centre=True, offset=2, classes=[1, 2, 3])
    kept = np.flatnonzero(np.isin(numbers, [1, 2, 3]))[2:12]
    np.testing.assert_allclose(data.inputs, unit(values[kept] - values.mean(axis=0)), rtol=0, atol=10 * ROUNDING)
    assert data.origin["normalisation"] == "the mean of all 1,797 images subtracted, then rows scaled to length 1"
    # a part that all images share makes them nearly parallel: without it the condition is better
    assert digits(40, centre=True).spectrum.kappa < digits(40).spectrum.kappa


def damaged(folder, **files):
    """A folder of MNIST with some files replaced, or removed where there is None."""
    mnist_files(folder)
    for name, content in files.items():
        path = folder / f"train-{name}-ubyte".replace("_", "-")
        path.unlink()
        if content is not None:
            path.write_bytes(content)
    return lambda: mnist(folder, 5)


IMAGES = as_idx(PICTURES)
HUGE = bytes([0, 0, 8, 3]) + (2**31).to_bytes(4, "big") * 3
BOMB = bytes([0, 0, 8, 3]) + b"".join(k.to_bytes(4, "big") for k in (COUNT, 28, 28)) + bytes(10**7)
DAMAGED = {
    "missing": ({"images_idx3": None}, ["no MNIST at", "train-images-idx3-ubyte", "x_train", "LeCun", "554"]),
    "no labels": ({"labels_idx1": None}, ["no MNIST at", "train-labels-idx1-ubyte"]),
    "empty": ({"images_idx3": b""}, ["begins with nothing", "00000803"]),
    "text": ({"images_idx3": b"<html>not found"}, ["begins with 3c68746d"]),
    "labels for images": ({"images_idx3": as_idx(CLASSES)}, ["with 3 axes", "00000801"]),
    "cut": ({"images_idx3": IMAGES[:-1]}, ["40 x 28 x 28", "only 31,359", "incomplete"]),
    "cut in the head": ({"images_idx3": IMAGES[:9]}, ["damaged or incomplete"]),
    "long": ({"images_idx3": IMAGES + b"x"}, ["has more"]),
    "cut gzip": ({"images_idx3": gzip.compress(IMAGES)[:-20]}, ["no readable IDX file", "fetch it again"]),
    "damaged gzip": ({"images_idx3": gzip.compress(IMAGES)[:200] + b"x" * 99}, ["no readable IDX file"]),
    "huge": ({"images_idx3": HUGE}, ["2147483648 x 2147483648", "damaged"]),
    "bomb": ({"images_idx3": gzip.compress(BOMB)}, ["has more", "damaged"]),
    "other pixels": ({"images_idx3": as_idx(PICTURES[:, :8, :8])}, ["(8, 8)", "784 bytes"]),
    "fewer labels": ({"labels_idx1": as_idx(CLASSES[:9])}, ["40 images and 9 labels"]),
    "wrong classes": ({"labels_idx1": as_idx(CLASSES + 100)}, ["no class numbers from 0 to 9"]),
    "black": ({"images_idx3": as_idx(0 * PICTURES)}, ["row 0 is zero"]),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_are_named_in_one_sentence(tmp_path, case):
    files, fragments = DAMAGED[case]
    message = answer(damaged(tmp_path / "m", **files), length=400)
    for fragment in fragments:
        assert fragment in message


class Evil:
    def __reduce__(self):
        return os.system, ("touch owned",)


def test_a_batch_executes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = pickle.dumps({b"labels": Evil(), b"data": COLOURS}, 2)
    folder = cifar_folder(tmp_path / "a", data_batch_3=evil)
    message = answer(lambda: cifar10(folder, 5), length=300)
    assert "data_batch_3 is no batch of CIFAR-10 and was not read: it asks for posix.system" in message
    assert not (tmp_path / "owned").exists()


WRONG_BATCHES = {
    "other shape": (batch(COLOURS[:, :99]), ["(40, 99)", "(10000, 3072)"]),
    "fewer labels": (batch(COLOURS, CLASSES[:3]), ["3 labels"]),
    "no labels": (pickle.dumps({b"data": COLOURS}, 2), ["no readable batch"]),
    "list": (pickle.dumps([1, 2], 2), ["no readable batch"]),
    "objects": (pickle.dumps({b"data": np.array([{}]), b"labels": [1]}, 2), ["no readable batch"]),
    "floats": (batch(COLOURS[:, :384].astype(float)), ["no readable batch"]),
    "memo bomb": (b"\x80\x02Nr\xff\xff\xff\x7f.", ["no readable batch"]),
    "wrong classes": (batch(classes=CLASSES + 10), ["no class numbers"]),
}


@pytest.mark.parametrize("case", WRONG_BATCHES)
def test_wrong_batches_are_named_in_one_sentence(tmp_path, case):
    content, fragments = WRONG_BATCHES[case]
    folder = cifar_folder(tmp_path / "a", data_batch_2=content)
    message = answer(lambda: cifar10(folder, 5), length=300)
    assert "data_batch_2" in message or case == "wrong classes"
    for fragment in fragments:
        assert fragment in message


def test_archives_that_are_wrong(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(cifar_folder(tmp_path / "a") / "cifar-10-batches-py" / "data_batch_1", "x/data_batch_1")
    assert "holds no data_batch_2, data_batch_3" in answer(lambda: cifar10(path, 5))
    path.write_bytes(path.read_bytes()[:3000])
    assert "damaged or incomplete" in answer(lambda: cifar10(path, 5))
    path.write_bytes(b"noise")
    assert "no readable .tar archive" in answer(lambda: cifar10(path, 5))
    np.savez(tmp_path / "b.npz", x_train=COLOURS)
    assert "x_train, not y_train" in answer(lambda: cifar10(tmp_path / "b.npz", 5))
    np.savez(tmp_path / "c.npz", x_train=COLOURS / 255, y_train=CLASSES)
    assert "float64" in answer(lambda: cifar10(tmp_path / "c.npz", 5))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        ({"labels": "pair"}, ["two classes", "[]"]),
        ({"labels": "one", "classes": [1, 2]}, ["one class", "[1, 2]"]),
        ({"classes": [1, 1]}, ["different", "[1, 1]"]),
        ({"classes": [10]}, ["from 0 to 9", "[10]"]),
        ({"classes": ["3"]}, ["whole numbers", "'3'"]),
        ({"classes": [3], "samples": 999}, ["digits of the classes 3", "999"]),
        ({"samples": True}, ["samples", "True"]),
        ({"offset": 1.5}, ["offset", "1.5"]),
    ],
)
def test_choices_that_do_not_exist(options, fragments):
    message = answer(lambda: digits(**{"samples": 5, **options}))
    for fragment in fragments:
        assert fragment in message


def test_a_path_or_a_download(tmp_path):
    assert "path of MNIST, or download=True" in answer(lambda: mnist())
    assert "not both" in answer(lambda: mnist(tmp_path, download=True))
    assert "train or test" in answer(lambda: mnist(tmp_path, split="all"))
    for make, words in ((fashion_mnist, "Zalando"), (cifar10, "Krizhevsky")):
        assert words in answer(lambda make=make: make(tmp_path / "none"), length=400)


class Found:
    def __init__(self):
        self.data, self.target = PICTURES.reshape(COUNT, -1), CLASSES.astype(str)


def test_openml_is_asked_only_when_the_user_asks(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda **options: asked.append(options) or Found())
    monkeypatch.setattr(images, "MNIST", images.MNIST._replace(training=30))
    mnist_files(tmp_path / "a")
    mnist(tmp_path / "a", 5)
    assert "no MNIST" in answer(lambda: mnist(tmp_path / "b", 5), length=400)
    assert asked == []
    data, rest = mnist(samples=5, download=True), mnist(samples=5, download=True, split="test")
    assert [options["data_id"] for options in asked] == [554, 554]
    np.testing.assert_allclose(data.inputs, unit(PICTURES[:5]), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(rest.inputs, unit(PICTURES[30:35]), rtol=0, atol=ROUNDING)
    assert data.origin["from"] == "OpenML data set 554"

    def unreachable(**_):
        raise OSError("no route to host")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", unreachable)
    message = answer(lambda: mnist(samples=5, download=True))
    assert "no route to host" in message
    assert "Yann LeCun" in message


def test_a_study_reads_files_beside_it_and_records_how(tmp_path):
    mnist_files(tmp_path / "files")
    text = """
    dataset: {source: mnist, path: files, samples: 6, labels: one, classes: [3], centre: true}
    methods: [nesterov]
    lemmas: [distance]
    width: 16
    seeds: 2
    steps: 2
    """
    result = runner.verify(parse_study(text, name="a.yaml", base=tmp_path))
    store.write(result, tmp_path / "out", wall_time=1.0)
    manifest = store.read(tmp_path / "out").manifest
    said = manifest["runs"]["a"]["data"]
    assert said["targets"] == "+1 for class 3, -1 for all others"
    assert said["normalisation"] == "the mean of all 40 images subtracted, then rows scaled to length 1"
    assert (said["name"], said["samples"], said["dimension"]) == ("MNIST-6", 6, 784)
    assert manifest["study"]["runs"]["a"]["dataset"]["classes"] == [3]


def test_equal_images_leave_no_kappa(tmp_path):
    pictures = PICTURES.copy()
    pictures[3] = pictures[1]
    data = mnist(mnist_files(tmp_path / "a", pictures=pictures), 6)
    assert abs(data.spectrum.lambda_0) < 1e-14  # n u |H|
    data = mnist(mnist_files(tmp_path / "b"), 6)
    assert nag_ntk.theorem_tuning("nesterov", data).eta > 0
