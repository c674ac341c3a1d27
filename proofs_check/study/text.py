r"""Escapes for text of users that is printed to a terminal or written into a page, a figure, JSON or netCDF.

Names, reasons, paths and messages may hold characters that a terminal obeys, that turn around what stands beside
them, or that no file can hold. `visible` writes those as JSON writes them, such as ``\u001b``. The signs of JSON,
HTML and CSV are none of them, so a whole file can be passed through it, and JSON is read again as it was.

What a lemma of a user's own prints is not our text: it goes to standard error as it is (guard.py, process.py).
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_JOINERS = "\u200c\u200d"
"""Joiners: between two letters of Persian or two emoji they make one sign; elsewhere they are invisible."""
_SUSPECT = re.compile("\r\n|[^\\x20-\\x7e\n\t]")


def visible(text: str) -> str:
    r"""Escape characters that a terminal obeys, that are invisible, or that UTF-8 and XML cannot hold.

    Controls but line breaks and tabs, marks of direction or without width, line separators and halves of surrogate
    pairs become their escapes of JSON. All else stays, letters of any language too; so does what was made visible.

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
