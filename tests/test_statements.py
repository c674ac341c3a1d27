"""A lemma states its claim in plain text, in TeX and on its page: the three say the same numbers and symbols.

The page repeats the TeX word for word. Text and TeX are reduced to one sequence, in which a changed constant, symbol,
relation or norm shows: numbers, letters and names in the order in which they are read, without words and brackets.
"""

import re
from pathlib import Path

import pytest

from proofs_check.lemmas import CATALOGUE

THEORY = Path(__file__).parents[1] / "docs" / "theory"
GREEK = "alpha beta gamma delta eta theta kappa lambda mu xi pi rho phi".split()
NAMES = {*GREEK, *"sqrt ln erf max min sum inf Binomial NAG HB".split()}
RELATIONS = {r"\le": "<=", r"\ge": ">=", r"\ne": "!=", r"\sim": "~", "at most": "<=", "at least": ">="}
SPELLINGS = {
    r"H^\infty": r"H_\inf", r"\Vert": "|", r"\varphi": r"\phi", r"\top": "T", r"\pm": "+-", r"\circ": "o",
}  # fmt: skip
TOKEN = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?|[<>!]=|[-+/^|<>=~]|(?<=[_^])[A-Za-z]+|[A-Za-z']+")


def symbols(statement: str) -> list[str]:
    """Return the numbers, letters, names, relations and bars of a plain statement, in their order."""
    for words in ("at most", "at least"):
        statement = re.sub(words, RELATIONS[words], statement, flags=re.I)
    statement = re.sub(r"(?<=[A-Za-z])-(?=[A-Za-z])", " ", statement)  # a hyphen is no minus
    found: list[str] = []
    for token in TOKEN.finditer(statement):
        text = token[0]
        if not text[0].isalpha() or text in NAMES:
            found.append(text)
        elif statement[token.start() - 1 : token.start()] in ("_", "^") or (len(text) == 1 and text != "a"):
            found += text  # indices are letters, and so is what stands alone; the rest are words
    return found


def plain(tex: str) -> str:
    """Write TeX as a plain statement: no words of its own are added, and no symbol is lost."""
    pieces = re.split(r"(\$\$?.+?\$\$?)", tex, flags=re.S)
    return "".join(_formula(piece.strip("$")) if piece.startswith("$") else piece for piece in pieces)


def _formula(tex: str) -> str:
    tex = re.sub(r"\\text\{([^{}]*)\}", " ", tex)
    tex = re.sub(r"\\(?:mathrm|operatorname)\{(\w+)\}", r"\\\1 ", tex)
    argument = r"(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|\\[a-z]+|\w)"
    while r"frac" in tex:
        tex = re.sub(rf"\\[td]?frac\s*{argument}\s*{argument}", r" \1 / \2 ", tex, count=1)
    for command, relation in RELATIONS.items():
        tex = re.sub(re.escape(command) + r"(?![a-z])", relation, tex)
    for command, name in SPELLINGS.items():
        tex = tex.replace(command, name)
    letters = re.sub(r"\\([A-Za-z]+)|([A-Za-z])", lambda word: f" {word[1] or word[2]} ", tex)
    joined = re.sub(r"\s*([_^])\s*", r"\1", letters.replace("{", "").replace("}", ""))
    return re.sub(r"\b10\^(-?\d+)", r"1e\1", joined)


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_text_and_tex_state_the_same(lemma):
    assert symbols(plain(lemma.tex)) == symbols(lemma.statement)


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_the_page_states_the_tex(lemma):
    text = (THEORY / f"{lemma.id}.md").read_text(encoding="utf-8")
    claim = text.split("\n## Claim\n", 1)[1].split("\n## ", 1)[0]
    assert " ".join(lemma.tex.split()) in " ".join(re.sub(r" \\tag\{\d+\}", "", claim).split())


@pytest.mark.parametrize(
    ("tex", "same", "others"),
    [
        (
            r"$\Vert \xi(t)\Vert \le \frac1{2\kappa}$",
            "|xi(t)| <= 1/(2 kappa)",
            ["|xi(t)| <= 2/(1 kappa)", "|xi(t)| < 1/(2 kappa)"],
        ),
        (
            r"at most $10^{-3}$ at $\frac12 e^{-mR}$",
            "<= 1e-3 at 1/2 e^(-m R)",
            ["<= 1e-4 at 1/2 e^(-m R)", ">= 1e-3 at 1/2 e^(-m R)"],
        ),
        (
            r"$\frac{\delta}{\sqrt{\frac34 n}}$ (a two-sided claim)",
            "delta/sqrt(3/4 n) (two-sided)",
            ["delta/sqrt(4/3 n)", "eta/sqrt(3/4 n)"],
        ),
        (
            r"$H^\infty_{ij}$ or $\rho_{\mathrm{HB}}^2$",
            "H_inf_ij or rho_HB^2",
            ["H_inf_ji or rho_HB^2", "H_inf_ij or rho_NAG^2"],
        ),
        (r"$\lambda_{\min}(H(0)) \ge \lambda_0$", "lambda_min(H(0)) >= lambda_0", ["lambda_max(H(0)) >= lambda_0"]),
    ],
)
def test_what_differs_shows(tex, same, others):
    assert symbols(plain(tex)) == symbols(same)
    assert all(symbols(plain(tex)) != symbols(other) for other in others)
