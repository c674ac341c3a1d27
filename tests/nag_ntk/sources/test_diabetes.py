"""The bundled table: the same numbers as scikit-learn's file, prepared by hand here."""

import numpy as np
import pytest
import tolerances
from sklearn.datasets import load_diabetes

from nag_ntk import InputError, diabetes
from proofs_check.study.load import parse_study

VALUES, PROGRESSION = load_diabetes(return_X_y=True, scaled=False)


def test_columns_and_targets_are_standardised_over_all_rows():
    data = diabetes(6, offset=2)
    columns = (VALUES - VALUES.mean(axis=0)) / VALUES.std(axis=0)
    rows = columns[2:8] / np.linalg.norm(columns[2:8], axis=1, keepdims=True)
    np.testing.assert_allclose(data.inputs, rows, rtol=0, atol=tolerances.KERNEL)
    targets = (PROGRESSION - PROGRESSION.mean()) / PROGRESSION.std()
    np.testing.assert_array_equal(data.targets, targets[2:8])
    assert data.name == "diabetes-6"
    assert data.origin["from"] == "diabetes, bundled with scikit-learn"
    assert "standard deviation" in data.origin["targets"]
    assert data.origin["rows"] == "2 to 7"


def test_the_median_halves_all_rows():
    data = diabetes(442, "median")
    assert set(data.targets) == {-1.0, 1.0}
    assert abs(data.targets.sum()) <= np.sum(np.median(PROGRESSION) == PROGRESSION)
    assert (data.targets[PROGRESSION > 200] == 1).all()
    assert "median" in data.origin["targets"]
    assert diabetes(442, parallel="drop").origin["parallel rows"].startswith("none")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "parity"}, "labels must be one of standardised, median, got 'parity'"),
        ({"samples": 0}, "samples must be a positive integer, got 0"),
        ({"samples": 440, "offset": 3}, "has 442 rows that are used; rows 3 to 443 were asked for"),
        ({"parallel": "merge"}, "parallel must be one of keep, drop"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        diabetes(**options)


def test_a_study_reads_it(tmp_path):
    text = """\
dataset: {source: diabetes, samples: 3, labels: median, offset: 1}
methods: [nesterov]
width: 16
seeds: 2
steps: 3
"""
    (run,) = parse_study(text, name="a.yaml", base=tmp_path).runs
    built, same = run.dataset.build(), diabetes(3, "median", 1)
    assert (built.inputs == same.inputs).all()
    assert built.targets.tolist() == same.targets.tolist()
