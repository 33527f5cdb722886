"""Verdict rules: from the interval of the token ratio and the compute waste to a word.

Being 2 times off the optimum costs 3 to 5 % of compute, 3 times 8 to 12 %, 10 times 40 to 60 %
(7e9 parameters, Besiroglu et al. 2024 and Hoffmann et al. 2022): a small ratio is no fault, so a
flag needs the whole interval beyond a factor of 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop_plugins.analyzers.undertrained.laws import Measures

UNDERTRAINED_BELOW = 0.5
"""Waste is surely above 1.05 there."""

OVERTRAINED_ABOVE = 2.0

NEAR_OPTIMAL = (1 / 3, 3.0)

SEVERITY_WASTE = (1.2, 2.0)
"""Waste below the first is mild, below the second clear, else severe."""

FAR = 100.0
"""Factor in N or D beyond the data behind a law from which it tells no cost and flags mildly.

Own judgment: the largest models of the field, 175e9 to 540e9 parameters, lie 11 to 33 times
outside the data of Besiroglu et al. 2024; models of thousands of parameters 2,000 times and more.
"""

NOT_ASSESSABLE = "not-assessable"


def verdicts(measures: Measures) -> NDArray[np.object_]:
    """Return the verdict of each run; where there is no interval, by the point value.

    Returns
    -------
    NDArray of str, shape (n_runs,)
        ``undertrained`` (interval below 0.5), ``overtrained`` (above 2), ``near-optimal`` (inside
        1/3 to 3), ``leaning`` (neither), ``not-assessable`` (ratio unknown).
    """
    value, low, high = measures.token_ratio.T
    low, high = np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, value)
    conditions = [
        ~np.isfinite(value),
        high < UNDERTRAINED_BELOW,
        low > OVERTRAINED_ABOVE,
        (low >= NEAR_OPTIMAL[0]) & (high <= NEAR_OPTIMAL[1]),
    ]
    words = [NOT_ASSESSABLE, "undertrained", "overtrained", "near-optimal"]
    return np.select(
        conditions, [np.full(value.shape, w, dtype=object) for w in words], default="leaning"
    )


def severity(verdict: str, waste: float, *, is_failed: bool) -> str:
    """Return how much a flag matters: by waste where undertrained, ``info`` where overtrained.

    A waste that is unknown (the law is an allocation, or the run lies far outside its data) counts
    as mild, and so does that of a run that failed: nobody chose its D. Empty for no flag.
    """
    if verdict == "overtrained":
        return "info"
    if verdict != "undertrained":
        return ""
    mild, clear = SEVERITY_WASTE
    if is_failed or not np.isfinite(waste) or waste < mild:
        return "mild"
    return "clear" if waste < clear else "severe"


def rule_text(verdict: str, ratio: NDArray[np.float64], law: str) -> str:
    """Return the rule behind a verdict in words; `ratio` is value, low, high."""
    value, low, high = ratio
    interval = np.isfinite(low) and np.isfinite(high)
    shown = f"D is {value:.3g} x D_opt(N) under {law}"
    if interval:
        shown += f" [{low:.2g}, {high:.2g}]"
    words = {
        "undertrained": "below 0.5",
        "overtrained": "above 2: costs training compute, serves cheaper; not a fault",
        "near-optimal": "within 1/3 to 3",
        "leaning": "leaning-under" if value < 1 else "leaning-over",
    }[verdict]
    text = f"{shown}: {words}"
    return text if interval else f"{text}; the law has no interval, judged by the point value"
