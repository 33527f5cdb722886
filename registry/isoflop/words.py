"""Numbers in the words of the field; the one place that formats them for people."""

from __future__ import annotations

import math
from datetime import datetime

_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
UNKNOWN = "not known"


def count(value: float) -> str:
    """Return a count with two digits or more and a letter; a small one as it is.

    NaN and None-like values give ``"not known"``; infinities stay visible.

    Examples
    --------
    >>> count(7e9), count(1.4e12), count(70e9), count(512), count(999_960)
    ('7.0 B', '1.4 T', '70 B', '512', '1.0 M')
    """
    if not math.isfinite(value):
        return _not_finite(value)
    size = abs(value)
    for index, (scale, letter) in enumerate(_SCALES):
        scaled = size / scale
        if scaled >= 0.9995:
            if scaled >= 999.5 and index > 0:
                scale, letter = _SCALES[index - 1]
                scaled = size / scale
            decimals = 1 if scaled < 9.95 else 0
            return f"{'-' if value < 0 else ''}{scaled:,.{decimals}f} {letter}"
    return number(value)


def parameters(value: float) -> str:
    """Return a parameter count.

    Examples
    --------
    >>> parameters(7e9), parameters(float("nan"))
    ('7.0 B parameters', 'not known')
    """
    return _with_noun(value, "parameter")


def tokens(value: float) -> str:
    """Return a token count.

    Examples
    --------
    >>> tokens(1.4e12), tokens(1)
    ('1.4 T tokens', '1 token')
    """
    return _with_noun(value, "token")


def flops(value: float, *, unit: bool = True) -> str:
    """Return compute with two digits; `unit` False leaves the word out, for table cells.

    Examples
    --------
    >>> flops(5.76e23), flops(5.76e23, unit=False), flops(0.0)
    ('5.8e23 FLOPs', '5.8e23', '0 FLOPs')
    """
    if not math.isfinite(value):
        return _not_finite(value)
    text = "0" if value == 0 else _power(value, 1)
    return f"{text} FLOPs" if unit else text


def duration(seconds: float) -> str:
    """Return a time span in its largest sensible unit.

    Examples
    --------
    >>> duration(0.0123), duration(42), duration(90), duration(5400), duration(200_000)
    ('12 ms', '42 s', '1.5 min', '1.5 h', '2.3 d')
    """
    if not math.isfinite(seconds):
        return _not_finite(seconds)
    for scale, unit in _SECONDS:
        if abs(seconds) >= scale:
            return f"{seconds / scale:,.1f} {unit}"
    if seconds == 0 or abs(seconds) >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:,.0f} ms" if abs(seconds) >= 0.01 else f"{seconds * 1e3:.2g} ms"


def number(value: float, *, digits: int = 4) -> str:
    """Return a bare number with at most `digits` significant digits, thousands kept apart.

    Examples
    --------
    >>> number(3.14159), number(12_345.0), number(4.2e-7), number(5.76e23), number(-0.5)
    ('3.142', '12,345', '4.2e-7', '5.76e23', '-0.5')
    """
    if not math.isfinite(value):
        return _not_finite(value)
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return _power(value, digits - 1)
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(fraction: float) -> str:
    """Return a fraction as percent with two digits.

    Examples
    --------
    >>> percent(0.123), percent(1.0), percent(0.0004)
    ('12 %', '100 %', '0.04 %')
    """
    if not math.isfinite(fraction):
        return _not_finite(fraction)
    value = 100 * fraction
    return f"{value:,.0f} %" if abs(value) >= 9.95 else f"{value:.2g} %"


def plural(amount: int, noun: str, nouns: str = "") -> str:
    """Return an amount with its noun.

    Examples
    --------
    >>> plural(1, "run"), plural(2_000, "run"), plural(0, "family", "families")
    ('1 run', '2,000 runs', '0 families')
    """
    return f"{amount:,} {noun if amount == 1 else nouns or noun + 's'}"


def any_text(value: object) -> str:
    """Return an object as text; where it cannot say itself, what it is.

    Examples
    --------
    >>> any_text([1, "a"])
    "[1, 'a']"
    """
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - an object of a plugin: one cell must not cost a report
        return f"<{type(value).__name__}>"


def moment(value: datetime) -> str:
    """Return a time to the minute, as it is in UTC.

    Examples
    --------
    >>> from datetime import UTC
    >>> moment(datetime(2026, 11, 21, 4, 5, tzinfo=UTC))
    '2026-11-21 04:05 UTC'
    """
    from datetime import UTC

    known = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f"{known:%Y-%m-%d %H:%M} UTC"


def _with_noun(value: float, noun: str) -> str:
    if not math.isfinite(value):
        return _not_finite(value)
    return f"{count(value)} {noun if value == 1 else noun + 's'}"


def _not_finite(value: float) -> str:
    return UNKNOWN if math.isnan(value) else ("infinite" if value > 0 else "-infinite")


def _power(value: float, decimals: int) -> str:
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    if decimals > 1 and "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"
