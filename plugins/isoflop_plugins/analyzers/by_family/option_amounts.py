"""Amounts that options of analyzers take: one number or a list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isoflop.errors import SchemaError


def positive_numbers(name: str, values: float | Sequence[float]) -> list[float]:
    """Return one amount or several, ascending and each once.

    Parameters
    ----------
    name : str
        The option, for the message.
    values : float or sequence of float
        What the user gave.

    Raises
    ------
    SchemaError
        There is none, or one is not a positive finite number.
    """
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64)).reshape(-1)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not (numbers.size and np.isfinite(numbers).all() and (numbers > 0).all()):
        raise SchemaError(
            f"{name} must be a positive number or a list of them, such as 1e12, got {values!r}."
        )
    return sorted(set(numbers.tolist()))
