"""Conversion of TeX between dollars to MathML, which browsers show without a network."""

import re
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup, escape

_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
_ELEMENTS = frozenset(
    "math menclose mfenced mfrac mi mlabeledtr mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms "
    "mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none".split()
)
_ATTRIBUTES = frozenset(
    "accent accentunder align columnalign columnlines columnspacing columnspan depth display displaystyle fence form "
    "frame height largeop linethickness lspace mathbackground mathcolor mathsize mathvariant maxsize minlabelspacing "
    "minsize movablelimits notation rowalign rowlines rowspacing rowspan rspace scriptlevel separator side stretchy "
    "symmetric voffset width".split()
)
"""Elements and attributes of plain formulas: no links, no styles, no scripts."""
_MATHEMATICS = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def statement(tex: str, plain: str) -> Markup:
    r"""Convert prose with mathematics to HTML; take the plain statement without TeX, or where it cannot be converted.

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
        for match in _MATHEMATICS.finditer(tex):
            pieces.append(escape(tex[end : match.start()]))
            display, inline = match.groups()
            pieces.append(formula(inline or display, alone=display is not None))
            end = match.end()
    except Exception:  # the converter has no base class for what it does not understand
        return escape(plain)
    return Markup("").join([*pieces, escape(tex[end:])])


def _check_mathml(mathml: str) -> None:
    r"""Refuse anything but a formula: the converter makes attributes of \href, \class and \style.

    Raises:
        ValueError: for other elements or attributes, or text that is no XML.
    """
    try:
        tree = ElementTree.fromstring(mathml)
    except ElementTree.ParseError:
        raise ValueError("the formula is no XML") from None
    for element in tree.iter():
        forbidden = sorted({element.tag.removeprefix(_NAMESPACE)} - _ELEMENTS | set(element.attrib) - _ATTRIBUTES)
        if forbidden:
            raise ValueError(f"a formula has no {', '.join(forbidden)}")


def formula(tex: str, alone: bool) -> Markup:
    r"""Convert one formula, with its TeX as the alternative text.

    Example:
        >>> "<mfrac>" in formula(r"\frac{1}{n}", alone=False)
        True
    """
    if "&#" in tex:  # the converter passes a character by its number on, be it one that turns the line around
        raise ValueError("a formula has no characters by number")
    # inside a power browsers do not stretch \Bigr), but they do \right)
    stretched = re.sub(r"\\[bB]ig+([lr])(?![a-z])", lambda match: {"l": r"\left", "r": r"\right"}[match[1]], tex)
    # "<" and ">" stand for relations in TeX; the converter passes them on as mark-up
    mathml = convert(stretched.replace("<", r"\lt ").replace(">", r"\gt "), display="block" if alone else "inline")
    _check_mathml(mathml)
    mathml = mathml.replace("<mi>:</mi>", "<mo>:</mo>")  # "such that" is a relation, with room around it
    mathml = mathml.replace("<math ", Markup('<math alttext="{}" ').format(tex), 1)
    if not alone:
        return Markup(mathml)
    return Markup('<span class="formula">{}</span>').format(Markup(mathml))
