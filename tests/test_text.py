"""Texts of a study or lemma made to do harm: half of a surrogate pair, and TeX that is more than a formula."""

import json

import pytest
import small

from proofs_check import runner, store
from proofs_check.config import parse_study
from proofs_check.lemmas import CATALOGUE
from proofs_check.report import mathematics, page
from proofs_check.store.files import write_json

HALF = "half \ud800 of a pair"
STUDY = r'description: "half \uD800 of a pair"' + small.STUDY


def test_half_of_a_surrogate_pair_is_kept_in_json(tmp_path):
    write_json(tmp_path / "a.json", {HALF: [HALF, "é", 'a "quoted" \\ text']})
    content = (tmp_path / "a.json").read_bytes()
    assert json.loads(content.decode()) == {HALF: [HALF, "é", 'a "quoted" \\ text']}
    assert "é".encode() in content


def test_a_study_with_one_is_written_and_read(tmp_path):
    store.write(runner.verify(parse_study(STUDY, name="a.yaml", base=tmp_path)), tmp_path / "out", wall_time=1.0)
    assert store.read(tmp_path / "out").manifest["study"]["description"] == HALF
    text = page.write(tmp_path / "out").read_bytes().decode()
    assert "half ? of a pair" in text


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\class{verdict}{x}",
        r"\style{position:fixed}{x}",
    ],
)
def test_a_formula_that_is_more_than_one_is_shown_as_plain_text(tex):
    with pytest.raises(ValueError, match=r"a formula has no (href|class|style)"):
        mathematics.formula(tex, alone=False)
    assert str(mathematics.statement(f"at most ${tex}$", "at most <x>")) == "at most &lt;x&gt;"


def test_every_statement_of_the_catalogue_is_shown_as_a_formula():
    for lemma in CATALOGUE:
        assert "<math" in mathematics.statement(lemma.tex, lemma.statement), lemma.id
