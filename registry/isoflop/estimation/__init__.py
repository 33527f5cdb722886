"""Fitting separable power laws, with certificates and intervals, and planning from them."""

from isoflop.estimation.allocation import Allocation
from isoflop.estimation.certificate import Certificate
from isoflop.estimation.fitting import check_resampling, fit_law
from isoflop.estimation.foretelling.validation import Rollout, rollout
from isoflop.estimation.planning import Plan, plan_compute
from isoflop.estimation.result import FitResult

__all__ = [
    "Allocation",
    "Certificate",
    "FitResult",
    "Plan",
    "Rollout",
    "check_resampling",
    "fit_law",
    "plan_compute",
    "rollout",
]
