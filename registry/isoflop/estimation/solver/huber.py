"""The Huber function and what Newton's method needs of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Huber(NamedTuple):
    """Huber's function of residuals, elementwise.

    Parameters
    ----------
    value : NDArray, shape of the residuals
        r^2 / 2 up to delta, then delta (|r| - delta / 2).
    slope : NDArray
        First derivative, r clipped to +-delta.
    curvature : NDArray
        Second derivative: 1 inside, 0 outside.
    """

    value: Floats
    slope: Floats
    curvature: Floats


def huber(residual: Floats, delta: float, quantile: float = 0.5) -> Huber:
    """Return Huber's function with its derivatives.

    Parameters
    ----------
    residual : NDArray, any shape
        Residuals; NaN stays NaN.
    delta : float
        Threshold between square and linear; infinite for least squares. [unit of the residual]
    quantile : float
        Share of the rows that shall lie below the fit, for residuals of predicted less measured;
        other than a half, the two sides weigh 2 quantile and 2 (1 - quantile). [1]

    References
    ----------
    Huber (1964), Robust estimation of a location parameter, section 3; Koenker and Bassett (1978),
    Regression quantiles, Econometrica 46.
    """
    slope = np.clip(residual, -delta, delta)
    value = slope * (residual - 0.5 * slope)
    curvature = (slope == residual).astype(np.float64)
    if quantile == 0.5:
        return Huber(value, slope, curvature)
    side = np.where(residual < 0, 2.0 * quantile, 2.0 * (1.0 - quantile))
    return Huber(value * side, slope * side, curvature * side)
