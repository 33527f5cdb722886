"""How far a measured score may lie from what a model of its size scores on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreNoise:
    """Sampling error of the test items plus scatter from model to model.

    Parameters
    ----------
    n_examples : NDArray, shape (n_points,)
        Items each score is a mean of; NaN for a metric with partial credit, which has no binomial
        error. [1]
    stderr : NDArray, shape (n_points,)
        Standard error used where `n_examples` is NaN; NaN counts as 0. [unit of the score]
    tau : float or NDArray, shape (n_points,)
        Standard deviation from model to model at equal scale. [unit of the score]
    """

    n_examples: NDArray[np.float64]
    stderr: NDArray[np.float64]
    tau: float | NDArray[np.float64]

    def variance(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance of a score whose mean is `level`, shape (..., n_points).

        The level is drawn half an item inward, so that a score of 0 or 1 keeps a positive variance.
        """
        m = np.where(np.isnan(self.n_examples), 1.0, self.n_examples)
        inward = (np.clip(level, 0.0, 1.0) * m + 0.5) / (m + 1.0)
        sampling = np.where(
            np.isnan(self.n_examples), np.nan_to_num(self.stderr) ** 2, inward * (1 - inward) / m
        )
        variance: NDArray[np.float64] = np.maximum(sampling + np.square(self.tau), 1e-12)
        return variance

    def draw(
        self, level: NDArray[np.float64], *, n_draws: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return scores drawn around `level`, shape (n_draws, n_points)."""
        shape = (n_draws, level.size)
        models = level + self.tau * rng.standard_normal(shape)
        binomial = ~np.isnan(self.n_examples)
        m = np.where(binomial, np.rint(self.n_examples), 1.0).astype(np.int64)
        items = rng.binomial(m, np.clip(models, 0.0, 1.0)) / m
        error = np.nan_to_num(self.stderr) * rng.standard_normal(shape)
        return np.where(binomial, items, models + error)

    def inflated(self, factor: float) -> ScoreNoise:
        """Return the noise with its variance multiplied by `factor` (1 or more)."""
        root = float(np.sqrt(factor))
        return ScoreNoise(
            n_examples=np.maximum(self.n_examples / factor, 1.0),
            stderr=self.stderr * root,
            tau=self.tau * root,
        )
