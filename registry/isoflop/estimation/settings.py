"""What a fit was asked for, as it stands in the registry's table `fits`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """All that a fit depends on beside the law and the runs.

    Parameters
    ----------
    objective : str or None
        What is minimized, as in `isoflop.estimation.solver.objectives`; None for the law's own.
    delta : float
        Huber threshold on the residual; used by the Huber objectives alone. [1]
    quantile : float or None
        Quantile of the quantile objectives. [1]
    n_boot : int
        Bootstrap replicates.
    seed : int
        Seed of the bootstrap.
    level : float
        Level of the intervals. [1]
    family : str or None
        Family that was asked for; None where the runs were of one.
    fixed : mapping of str to float
        Parameters that were not fitted, in their own units.
    tied : tuple of str
        Parameters that share one value.
    using : mapping of str to str
        Variable to the column that stood for it.
    weights, clusters : str or None
        Columns with the weight of a row, and with what is resampled together; None for none.
    """

    objective: str | None = None
    delta: float = 1e-3
    quantile: float | None = None
    n_boot: int = 1000
    seed: int = 0
    level: float = 0.95
    family: str | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    tied: tuple[str, ...] = ()
    using: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None
    clusters: str | None = None

    @property
    def objective_words(self) -> str:
        """The objective with the number it depends on: ``"log-huber 0.001"``."""
        name = self.objective or "the law's own"
        if self.quantile is not None and "quantile" in name:
            return f"{name} {self.quantile:g}"
        return f"{name} {self.delta:g}" if "huber" in name else name

    @property
    def variant(self) -> str:
        """What sets the fit apart from a plain one of the same law; empty for a plain one.

        Examples
        --------
        >>> FitSettings(fixed={"alpha": 0.5}, using={"n_params": "n_params_nonembedding"}).variant
        'alpha = 0.5, n_params from n_params_nonembedding'
        """
        parts = [f"{name} = {value:g}" for name, value in sorted(self.fixed.items())]
        parts += [" = ".join(self.tied)] if self.tied else []
        parts += [f"{name} from {column}" for name, column in sorted(self.using.items())]
        parts += [f"weighted by {self.weights}"] if self.weights else []
        parts += [f"clusters of {self.clusters}"] if self.clusters else []
        return ", ".join(parts)

    def to_json(self) -> str:
        """Return the settings as JSON text: the same settings, the same text."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        given |= {"delta": float(self.delta), "level": float(self.level)}
        told = {name: _plain(value) for name, value in given.items()}
        return json.dumps(told, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the settings that `to_json` wrote; what is missing has its default.

        Names that a newer isoflop added are left out.
        """
        told: Mapping[str, Any] = json.loads(text)
        known = {f.name: told[f.name] for f in fields(cls) if f.name in told}
        if "delta" in known:
            known["delta"] = float(known["delta"])
        if "tied" in known:
            known["tied"] = tuple(known["tied"])
        return cls(**known)


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; infinity, which it has no number for, as text."""
    if isinstance(value, Mapping):
        return {str(k): v if isinstance(v, str) else float(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return str(float(value)) if math.isinf(value) else float(value)
    return value
