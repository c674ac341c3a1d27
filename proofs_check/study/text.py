r"""Escape text of users before it is printed to a terminal or written to a page, a figure, JSON or netCDF.

Names, reasons, paths and messages may hold control characters, characters that reverse the direction of the text
beside them, or characters that no file can hold. `visible` replaces these by their escapes in JSON, such as ``\u001b``.
It changes no syntax of JSON, HTML or CSV, so a whole file can be passed through it, and JSON keeps its values.

Prints of a user's own lemma are not escaped: they go to standard error unchanged (guard.py, process.py).
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_JOINERS = "\u200c\u200d"
"""Zero-width joiners: between letters of Persian or emoji they change the sign; elsewhere they are invisible."""
_SUSPECT = re.compile("\r\n|[^\\x20-\\x7e\n\t]")


def visible(text: str) -> str:
    r"""Escape characters that a terminal obeys, that are invisible, or that UTF-8 and XML cannot hold.

    Control characters except line breaks and tabs, marks of direction, marks without width, line separators and lone
    surrogates become their escapes in JSON. All other characters stay, letters of any language too; a second call
    changes nothing.

    Example:
        >>> visible("\x1b[31mred\ud800"), visible("naïve κ\nsecond line")
        ('\\u001b[31mred\\ud800', 'naïve κ\nsecond line')
    """
    return _SUSPECT.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    """Replace a suspect character by its escape, or keep it."""
    sign, text, position = match[0], match.string, match.start()
    if sign == "\r\n":
        return "\n"
    if not _hidden(sign) or (
        sign in _JOINERS and _joins(text[position - 1 : position]) and _joins(text[position + 1 : position + 2])
    ):
        return sign
    return json.dumps(sign)[1:-1]


def _hidden(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return kind in ("Cc", "Cf", "Cs", "Zl", "Zp") or sign in "\ufffe\uffff"


def _joins(sign: str) -> bool:
    return sign > "\x7f" and not _hidden(sign)


def make_visible(value: Any) -> Any:
    r"""Apply `visible` to every text in a plain value, keys of mappings too.

    Example:
        >>> make_visible({"reason": ["a\x07", 1]})
        {'reason': ['a\\u0007', 1]}
    """
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {make_visible(key): make_visible(each) for key, each in value.items()}
    return type(value)(map(make_visible, value)) if type(value) in (list, tuple) else value
