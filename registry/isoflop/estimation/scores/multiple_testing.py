"""Many tests at once: q-values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DISCARD_ABOVE = 0.5
_SPLIT_AT = 0.5
_ENOUGH_TESTS = 10


def benjamini_hochberg(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the q-value of each test: the smallest false-discovery rate at which it is flagged.

    Parameters
    ----------
    p_value : NDArray, shape (n_tests,)
        P-values; NaN for a test that was not made, which then does not count.

    Returns
    -------
    NDArray, shape (n_tests,)
        q-values, NaN where the p-value is; empty for no test.

    References
    ----------
    Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57, 1995.
    """
    q_value = np.full(p_value.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p_value))
    if made.size:
        order = made[np.argsort(p_value[made], kind="stable")]
        raw = p_value[order] * order.size / np.arange(1, order.size + 1)
        lowest = np.minimum.accumulate(raw[::-1])[::-1]
        q_value[order] = np.clip(lowest, p_value[order], 1.0)  # p m / m may round below p
    return q_value


def conservative_q_values(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q-values for tests whose nulls are mostly far from the boundary.

    The null of a width test is a whole region (one decade or more). Inside it p-values pile up
    near 1, and Benjamini-Hochberg, which counts each as a full test, then holds the rate of false
    discoveries far below what was asked and loses a fifth of the true ones. So tests with
    p > 0.5 are discarded, the rest are doubled and given to Benjamini-Hochberg with the share of
    nulls among them estimated (Storey). Below 10 tests that share cannot be estimated: plain
    Benjamini-Hochberg. A q-value is never below its p-value.

    Parameters
    ----------
    p_value : NDArray, shape (n_tests,)
        P-values; NaN for a test that was not made.

    Returns
    -------
    NDArray, shape (n_tests,)
        q-values; 1 where the test was discarded, NaN where the p-value is.

    References
    ----------
    Q. Zhao, D. Small, W. Su, Multiple testing when many p-values are uniformly conservative,
    J. Am. Stat. Assoc. 114, 2019. J. Storey, J. R. Stat. Soc. B 64, 2002.
    """
    if np.count_nonzero(~np.isnan(p_value)) < _ENOUGH_TESTS:
        return benjamini_hochberg(p_value)
    kept = p_value <= _DISCARD_ABOVE
    doubled = p_value[kept] / _DISCARD_ABOVE
    n_above = np.count_nonzero(doubled > _SPLIT_AT)
    share = min(1.0, (1 + n_above) / (max(doubled.size, 1) * (1 - _SPLIT_AT)))
    q_value = np.where(np.isnan(p_value), np.nan, 1.0)
    q_value[kept] = np.maximum(benjamini_hochberg(doubled) * share, p_value[kept])
    return q_value
