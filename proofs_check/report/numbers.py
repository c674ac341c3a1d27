"""Formats of stored numbers; the store has infinities as words, and None for what does not exist."""

import math
import re
from collections.abc import Mapping
from typing import Any

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, form: str = ".3g") -> str:
    """Format a stored number to three digits, with a true minus sign.

    Example:
        >>> number(-0.001234), number("inf"), number(None), number(31305)
        ('−0.00123', '∞', '', '31,305')
    """
    if value is None:
        return ""
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if value == int(value) and 1000 <= abs(value) < 1e9 else format(value, form)
    return text.replace("-", "−")


def power_of_ten(value: float, _: Any = None) -> str:
    """Format a tick of a logarithmic axis; "" for ticks between the powers of ten.

    Example:
        >>> power_of_ten(1e-12), power_of_ten(1.0), power_of_ten(0.1), power_of_ten(300.0)
        ('10⁻¹²', '1', '0.1', '')
    """
    if value <= 0:
        return ""
    exponent = math.log10(value)
    if abs(exponent - round(exponent)) > 1e-6:
        return ""
    if -2 <= round(exponent) <= 3:
        return f"{value:g}"
    return f"10{str(round(exponent)).translate(_SUPERSCRIPTS)}"


def violations(row: Mapping[str, Any]) -> str:
    """Format the violations and trials of a finding; a law concerns all its draws together and has no violations.

    Example:
        >>> violations({"violations": 0, "trials": 128}), violations({"violations": None, "trials": 9})
        ('0 of 128', '– of 9')
    """
    if row["violations"] is not None:
        return f"{row['violations']} of {row['trials']}"
    return "" if row["trials"] is None else f"– of {row['trials']:,}"


def words(name: str) -> str:
    """Write the name of a method with spaces, and its numbers as one would read them.

    Example:
        >>> words("gradient_descent"), words("nesterov_increasing(delay=3.0)")
        ('gradient descent', 'nesterov increasing (delay=3)')
    """
    return re.sub(r"\.0(?=[,)])", "", name.replace("_", " ").replace("(", " ("))
