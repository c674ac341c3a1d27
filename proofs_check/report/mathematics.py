"""TeX between dollars as MathML, which browsers show without help from the network."""

import re

from markupsafe import Markup, escape

_MATHEMATICS = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def statement(tex: str, plain: str) -> Markup:
    r"""Prose with mathematics, ready for a page; the plain statement where there is no TeX or it is not understood.

    Args:
        tex: prose, escaped here, with mathematics in $...$, and in $$...$$ for a line of its own.
        plain: the same without mathematics.

    Example:
        >>> str(statement("", "a < b"))
        'a &lt; b'
        >>> "<mfrac>" in statement(r"at most $\frac{1}{n}$", "at most 1/n")
        True
    """
    if not tex:
        return escape(plain)
    pieces, end = [], 0
    try:
        for found in _MATHEMATICS.finditer(tex):
            pieces.append(escape(tex[end : found.start()]))
            display, inline = found.groups()
            pieces.append(formula(inline or display, alone=display is not None))
            end = found.end()
    except Exception:  # the converter has no base class for what it does not understand
        return escape(plain)
    return Markup("").join([*pieces, escape(tex[end:])])


def formula(tex: str, alone: bool) -> Markup:
    r"""One formula, with its TeX as the text for those who cannot see it.

    Example:
        >>> "<mfrac>" in formula(r"\frac{1}{n}", alone=False)
        True
    """
    from latex2mathml.converter import convert

    # inside a power browsers do not stretch \Bigr), but they do \right)
    grown = re.sub(r"\\[bB]ig+([lr])(?![a-z])", lambda found: {"l": r"\left", "r": r"\right"}[found[1]], tex)
    # "<" and ">" stand for relations in TeX; the converter passes them on as mark-up
    made = convert(grown.replace("<", r"\lt ").replace(">", r"\gt "), display="block" if alone else "inline")
    made = made.replace("<mi>:</mi>", "<mo>:</mo>")  # "such that" is a relation, with room around it
    made = made.replace("<math ", Markup('<math alttext="{}" ').format(tex), 1)
    if not alone:
        return Markup(made)
    return Markup('<span class="formula">{}</span>').format(Markup(made))
