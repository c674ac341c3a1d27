"""Tables of the user: what becomes inputs and targets, what is recorded, and what each mistake is answered with."""

import numpy as np
import pandas as pd
import pytest
import tolerances
from answers import answer, unchecked  # noqa: F401

from nag_ntk import Dataset, from_table

RNG = np.random.default_rng(5)
KINDS = np.array(["setosa", "versicolor", "virginica"])[np.arange(12) % 3]
TABLE = {
    "length": RNG.normal(50, 3, 12), "width": RNG.integers(1, 90, 12), "kind": KINDS, "fresh": np.arange(12) % 2 == 0,
    "price": RNG.normal(size=12),
}  # fmt: skip
NUMBERS = ("length", "width", "fresh")


def expected(names, table=TABLE, rows=slice(None)):
    values = np.stack([np.asarray(table[name], float) for name in names], axis=1)
    values = ((values - values.mean(axis=0)) / values.std(axis=0))[rows]
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_columns_are_standardised_and_rows_scaled_whatever_holds_the_table(tmp_path):
    frame = pd.DataFrame(TABLE)
    frame.astype({"fresh": int}).to_csv(tmp_path / "mine.csv", index=False, float_format="%.17g")
    for source in (TABLE, frame, {name: list(values) for name, values in TABLE.items()}, tmp_path / "mine.csv"):
        data = from_table(source, "price")
        np.testing.assert_allclose(data.inputs, expected(NUMBERS), rtol=0, atol=tolerances.KERNEL)
        np.testing.assert_array_equal(data.targets, TABLE["price"])
        assert data.origin["inputs"] == "'length', 'width', 'fresh'; left out: 'kind' (text)"
        assert data.origin["targets"] == "the numbers in column 'price'"
        assert data.origin["rows"] == "0 to 11"
        assert data.origin["normalisation"] == (
            "columns minus their mean, divided by their standard deviation, over all 12 rows; "
            "then rows scaled to length 1"
        )
    assert (data.name, data.origin["from"]) == ("mine", "mine.csv")
    named = from_table(TABLE, "price", ["width", "length"], standardise=False, name="plain")
    plain = np.stack([TABLE["width"], TABLE["length"]], axis=1)
    np.testing.assert_array_equal(named.inputs, Dataset(plain, TABLE["price"], normalise=True).inputs)
    assert (named.name, named.origin["normalisation"]) == ("plain", "rows scaled to length 1")
    assert named.origin["from"] == "a table, dict"


def test_a_part_of_the_rows_is_standardised_like_the_whole():
    data = from_table(TABLE, "price", samples=4, offset=3)
    np.testing.assert_allclose(data.inputs, expected(NUMBERS, rows=slice(3, 7)), rtol=0, atol=tolerances.KERNEL)
    np.testing.assert_array_equal(data.targets, TABLE["price"][3:7])
    assert data.origin["rows"] == "3 to 6"


def test_standardising_survives_any_scale_and_a_large_mean():
    table = {
        "a": [1e300, -1e300, 5e299, 0.0],
        "b": [1e-300, 2e-300, 4e-300, 8e-300],
        "c": [1e16 + k for k in (0, 2, 4, 8)],
    }
    scaled = {"a": [2.0, -2.0, 1.0, 0.0], "b": [1.0, 2.0, 4.0, 8.0], "c": [0.0, 2.0, 4.0, 8.0]}
    data = from_table({**table, "y": [1.0] * 4}, "y")
    np.testing.assert_allclose(data.inputs, expected("abc", scaled), rtol=0, atol=tolerances.KERNEL)


def test_two_texts_become_signs():
    pair = from_table(TABLE, "kind", labels="pair", classes=["virginica", "setosa"], samples=5)
    used = np.flatnonzero(KINDS != "versicolor")[:5]
    assert pair.targets.tolist() == [1.0 if KINDS[row] == "setosa" else -1.0 for row in used]
    names = ("length", "width", "fresh", "price")
    np.testing.assert_allclose(pair.inputs, expected(names, rows=used), rtol=0, atol=tolerances.KERNEL)
    assert pair.origin["targets"] == "-1 where 'kind' is virginica, +1 where it is setosa; other rows left out"
    assert pair.origin["rows"] == "0 to 4 of these classes"
    one = from_table(TABLE, "kind", labels="one", classes=["setosa"])
    assert one.targets.tolist() == [1.0 if kind == "setosa" else -1.0 for kind in KINDS]
    for coded in ([0, 1, 1], [0.0, 1.0, 1.0], ["0", "1", "1"]):
        table = {"a": [1.0, 2.0, 4.0], "b": [0.0, 3.0, 1.0], "y": coded}
        assert from_table(table, "y", labels="pair", classes=[0, 1]).targets.tolist() == [-1.0, 1.0, 1.0]


def test_repeated_rows_of_a_table_are_dropped_after_all_else():
    table = {name: np.append(values, values[4]) for name, values in TABLE.items()}
    table["price"][12] += 1
    kept, data = from_table(table, "price"), from_table(table, "price", parallel="drop")
    np.testing.assert_array_equal(data.inputs, kept.inputs[:12])
    assert data.origin["parallel rows"] == (
        "1 of 13 rows dropped: 12 (equal to 4); 1 of them equal to a row with another target: 12"
    )
    assert not data.singular
    assert kept.why_singular.startswith("row 12 equals row 4 with another target")


def test_constant_columns_are_left_out_unless_asked_for():
    table = {**TABLE, "same": np.full(12, 0.1)}
    data = from_table(table, "price")
    np.testing.assert_allclose(data.inputs, expected(NUMBERS), rtol=0, atol=tolerances.KERNEL)
    assert data.origin["inputs"].endswith("left out: 'kind' (text), 'same' (constant)")
    message = answer(lambda: from_table(table, "price", ["width", "same"]))
    assert "column 'same' is constant" in message
    assert from_table(table, "price", ["width", "same"], standardise=False).dimension == 2
    assert "no input column that is not constant" in answer(lambda: from_table({"a": [1, 1], "y": [1, 2]}, "y"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_the_delimiter_is_found_or_given(tmp_path, delimiter):
    text = '\ufeffa,"b, of all",y\r\n 1,2,3\r\n\r\n+4.,.5e1,6\r\n'.replace(" of all", "all").replace(" 1", "1")
    path = tmp_path / "a.csv"
    path.write_bytes(text.replace(",", delimiter).encode())
    data = from_table(path, "y", standardise=False, delimiter=delimiter if delimiter == " " else None)
    assert (data.targets.tolist(), data.origin["inputs"].partition(",")[0]) == ([3.0, 6.0], "'a'")
    np.testing.assert_array_equal(data.inputs, Dataset([[1, 2], [4, 5]], [3, 6], normalise=True).inputs)


BAD_FILES = {
    "missing": ("a,b,y\n1,2,3\n1,,3\n", {}, ["column 'b', line 3", "missing", "fill it in"]),
    "missing word": ("a,b,y\n1,2,3\n1,N/A,3\n", {}, ["column 'b', line 3", "missing"]),
    "missing target": ("a,b,y\n1,2,\n1,3,3\n", {}, ["column 'y', line 2", "missing"]),
    "missing class": ("a,b,y\n1,2,no\n1,3,\n", {"labels": "one", "classes": ["no"]}, ["column 'y', line 3", "missing"]),
    "text": ("a,b,y\n1,2,3\n\n1,two,3\n", {}, ["column 'b', line 4", "'two' is no number"]),
    "line of a long field": ('a,b,c,y\n1,2,"x\ny",3\n1,2,z,oh\n', {}, ["column 'y', line 4", "'oh'"]),
    "underscores": ("a,b,y\n1,2,3\n1,1_000,3\n", {}, ["line 3", "'1_000' is no number"]),
    "infinite": ("a,b,y\n1,2,3\n1,-inf,3\n", {}, ["column 'b', line 3", "-inf is not finite"]),
    "too large": ("a,b,y\n1,2,3\n1,1e999,3\n", {}, ["column 'b', line 3", "inf is not finite"]),
    "repeated name": ("a,a,y\n1,2,3\n", {}, ["several columns called 'a'"]),
    "no name": (",a,y\n0,2,3\n1,4,5\n", {}, ["column 1 has no name", "columns"]),
    "unknown target": ("a,b,z\n1,2,3\n", {}, ["no column 'y'", "'a', 'b', 'z'"]),
    "unknown column": ("a,b,y\n1,2,3\n", {"columns": ["a", "c"]}, ["no column 'c'"]),
    "text column": ("a,b,y\n1,u,3\n", {"columns": ["a", "b"]}, ["column 'b', line 2", "'u' is no number"]),
    "column twice": ("a,b,y\n1,2,3\n", {"columns": ["a", "a"]}, ["lists 'a' twice"]),
    "target among inputs": ("a,b,y\n1,2,3\n", {"columns": ["a", "y"]}, ["lists the target 'y'"]),
    "no columns": ("a,b,y\n1,2,3\n", {"columns": []}, ["at least one name"]),
    "one text for a list": ("a,b,y\n1,2,3\n", {"columns": "ab"}, ["must be a list", "'ab'"]),
    "only text": ("a,y\nu,3\n", {}, ["no column of numbers beside 'y'"]),
    "empty": ("\n", {}, ["is empty", "header"]),
    "header only": ("a,b,y\n", {}, ["a header and no rows"]),
    "no header": ("1,2,3\n4,5,6\n", {}, ["line 1", "numbers only", "header"]),
    "ragged": ("a,b,y\n1,2,3\n1,2\n", {}, ["line 3: 2 fields", "has 3", "','"]),
    "open quote": ('a,b,y\n1,"2,3\n', {}, ["no readable CSV", "unexpected end"]),
    "delimiter": ("a,b,y\n1,2,3\n", {"delimiter": ", "}, ["one character", "', '"]),
    "zero row": ("a,b,y\n1,2,3\n2,4,5\n3,6,7\n", {}, ["line 3", "all zero after its columns are standardised"]),
    "plain zero row": ("a,b,y\n0,0,3\n", {"standardise": False}, ["line 2", "all zero, without"]),
    "too many rows": ("a,b,y\n1,2,3\n2,1,3\n", {"samples": 3}, ["has 2 rows", "0 to 3"]),
    "text target": (
        "a,b,y\n1,2,no\n2,4,yes\n",
        {},
        ["'y' holds text ('no', 'yes')", "labels pair and classes ['no', 'yes']"],
    ),
    "unknown class": ("a,b,y\n1,2,no\n2,4,yes\n", {"labels": "one", "classes": ["oui"]}, ["is 'oui'", "no, yes"]),
    "one class of two": ("a,b,y\n1,2,no\n", {"labels": "pair", "classes": ["no"]}, ["two different classes", "['no']"]),
    "classes alone": ("a,b,y\n1,2,3\n", {"classes": [3]}, ['"values" need no classes']),
    "labels": ("a,b,y\n1,2,3\n", {"labels": "parity"}, ["values, pair, one", "'parity'"]),
    "parallel": ("a,b,y\n1,2,3\n2,1,3\n", {"parallel": "both"}, ["keep, drop"]),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_named_with_column_and_line(tmp_path, monkeypatch, case):
    text, options, fragments = BAD_FILES[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    message = answer(lambda: from_table("a.csv", "y", **options))
    for fragment in fragments:
        assert fragment in message


def test_other_files_are_refused(tmp_path):
    assert "no table at" in answer(lambda: from_table(tmp_path / "none.csv", "y"))
    assert "no table at" in answer(lambda: from_table(tmp_path, "y"))
    (tmp_path / "latin.csv").write_bytes("a,b,y\n1,2,\xe9\n".encode("latin-1"))
    assert "no text in UTF-8 (byte 10)" in answer(lambda: from_table(tmp_path / "latin.csv", "y"))
    (tmp_path / "null.csv").write_bytes(b"a,b,y\n1,\0,2\n")
    assert "null.csv" in answer(lambda: from_table(tmp_path / "null.csv", "y"))
    (tmp_path / "wide.csv").write_text("a,b,y\n1,2," + "3" * 200_000)
    assert "field larger than field limit" in answer(lambda: from_table(tmp_path / "wide.csv", "y"))


GOOD = {"a": [1.0, 2.0, 4.0], "b": [2.0, 1.0, 1.0], "y": [1.0, 2.0, 3.0]}
BAD_TABLES = {
    "nan": ({**GOOD, "b": [2.0, np.nan, 1.0]}, ["column 'b', row 1", "missing (NaN)"]),
    "none": ({**GOOD, "b": [2.0, None, 1.0]}, ["column 'b', row 1", "missing"]),
    "nullable": (pd.DataFrame(GOOD).assign(b=pd.array([2, 3, None], "Int64")), ["column 'b', row 2", "missing"]),
    "text": ({**GOOD, "b": np.array([2.0, 1.0, "x"], object)}, ["column 'b', row 2", "'x' is no number"]),
    "complex": ({**GOOD, "a": np.array([1.0, 2.0, 1j], object)}, ["column 'a', row 2", "1j is no number"]),
    "infinite": ({**GOOD, "y": [1.0, 2.0, np.inf]}, ["column 'y', row 2", "inf is not finite"]),
    "lengths": ({**GOOD, "b": [1.0]}, ["'a' has 3", "'b' has 1"]),
    "two axes": ({**GOOD, "b": np.eye(3)}, ["'b' must have one axis", "(3, 3)"]),
    "ragged": ({**GOOD, "b": [[1.0], [1.0, 2.0], 3.0]}, ["'b' must have one axis"]),
    "masked": ({**GOOD, "b": np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 1])}, ["'b' is a masked array"]),
    "number as name": ({**GOOD, 0: [1, 2, 3]}, ["name is no text: 0"]),
    "repeated name": (pd.DataFrame(np.eye(3), columns=["a", "a", "y"]), ["several columns called 'a'"]),
    "no rows": ({"a": [], "y": []}, ["the table is empty"]),
    "no columns": ({}, ["the table is empty"]),
    "an array": (np.eye(3), ["path of a CSV file, a data frame or a mapping", "ndarray"]),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_is_named_with_column_and_row(case):
    source, fragments = BAD_TABLES[case]
    message = answer(lambda: from_table(source, "y"))
    for fragment in fragments:
        assert fragment in message
    assert "belongs to a file" in answer(lambda: from_table(GOOD, "y", delimiter=";"))


def test_text_with_gaps_dates_and_categories_of_a_frame_are_no_inputs():
    frame = pd.DataFrame(GOOD).assign(
        note=["u", None, "v"], when=pd.date_range("2020", periods=3), sort=pd.Categorical(["u", "v", "u"])
    )
    origin = from_table(frame, "y").origin
    assert origin["inputs"] == "'a', 'b'; left out: 'note' (text), 'when' (text), 'sort' (text)"
