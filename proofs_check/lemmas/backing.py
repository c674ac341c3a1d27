"""Kinds of evidence for each lemma of the catalogue: formal proof, certificate, statistics, or a recalled source."""

from proofs_check.lemma import Claim, Lemma

KINDS = ("formal", "certified", "statistical", "recalled")
"""In the order of strength. Formal: checked by Coq for all networks. Certified: decided in ball arithmetic, for the
quantifiers stated. Statistical: seen on training runs. Recalled: the source was not re-read."""

_CERTIFIED: dict[str, str] = {
    Claim.ALL_KAPPA: "the constants for all condition numbers at once, in ball arithmetic",
    Claim.INSTANCE: "for each data set given, in ball arithmetic",
}
_STATISTICAL: dict[str, str] = {
    Claim.IDENTITY: "independent draws against the closed form",
    Claim.EXACT_LAW: "exact goodness-of-fit tests over seeds",
    Claim.PROBABILITY: "the frequency of violations over seeds, with exact limits",
    Claim.EVERY_RUN: "every step of every run is compared; one violation refutes",
    Claim.SCALING: "slopes over runs, with intervals",
}


def evidence(lemma: Lemma) -> dict[str, str]:
    """List the kinds of evidence for a lemma, and the part of the lemma that each kind covers.

    Args:
        lemma: of the catalogue, or a user's own.

    Returns:
        kind -> the part, in the order of KINDS; kinds without evidence are left out.

    Example:
        >>> from proofs_check.lemmas import CATALOGUE
        >>> {lemma.id: list(evidence(lemma)) for lemma in CATALOGUE}["nesterov-matrix"]
        ['formal', 'certified']
    """
    parts = {
        "formal": lemma.formal_part,
        "certified": _CERTIFIED.get(lemma.kind, ""),
        "statistical": _STATISTICAL.get(lemma.kind, ""),
        "recalled": "the source was not re-read" if lemma.provenance == "recalled" else "",
    }
    return {kind: parts[kind] for kind in KINDS if parts[kind]}


def paragraph(lemma: Lemma) -> str:
    """Write the paragraph on the evidence for a lemma on its page in docs/theory, in Markdown."""
    sentences = []
    for kind, part in evidence(lemma).items():
        names = ", ".join(f"`{name}`" for name in lemma.formal)
        sentences.append(f"*{kind}*: {part.rstrip('.')}{f' ([Coq](formal.md): {names})' if kind == 'formal' else ''}")
    return f"**Evidence.** {'. '.join(sentences)}."
