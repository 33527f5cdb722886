"""Analyzers that ship with isoflop: one question about a table each."""

from isoflop_plugins.analyzers.chinchilla_parametric import CHINCHILLA_PARAMETRIC
from isoflop_plugins.analyzers.compare_laws import COMPARE_LAWS
from isoflop_plugins.analyzers.conventions import CONVENTIONS
from isoflop_plugins.analyzers.curve_envelope import CURVE_ENVELOPE
from isoflop_plugins.analyzers.data_constrained import DATA_CONSTRAINED_ANALYZER
from isoflop_plugins.analyzers.data_saturation import DATA_SATURATION_ANALYZER
from isoflop_plugins.analyzers.downstream_error import DOWNSTREAM_ERROR_ANALYZER
from isoflop_plugins.analyzers.drift import DRIFT
from isoflop_plugins.analyzers.emergence import EMERGENCE
from isoflop_plugins.analyzers.extrapolation import EXTRAPOLATION
from isoflop_plugins.analyzers.forecast import FORECAST
from isoflop_plugins.analyzers.health import HEALTH
from isoflop_plugins.analyzers.inference_aware import INFERENCE_AWARE
from isoflop_plugins.analyzers.isoflop_profiles import ISOFLOP_PROFILES
from isoflop_plugins.analyzers.kaplan_laws import KAPLAN_LAWS
from isoflop_plugins.analyzers.loss_by_domain import LOSS_BY_DOMAIN, LOSS_BY_EVAL_SET
from isoflop_plugins.analyzers.memorization import MEMORIZATION_ANALYZER
from isoflop_plugins.analyzers.mixed_modal import MIXED_MODAL_ANALYZER
from isoflop_plugins.analyzers.over_training import OVER_TRAINING_ANALYZER
from isoflop_plugins.analyzers.pruning import PRUNING_ANALYZER
from isoflop_plugins.analyzers.quantile_frontier import QUANTILE_FRONTIER_ANALYZER
from isoflop_plugins.analyzers.routed import ROUTED_ANALYZER
from isoflop_plugins.analyzers.shape import SHAPE_ANALYZER
from isoflop_plugins.analyzers.transfer import TRANSFER_ANALYZER
from isoflop_plugins.analyzers.undertrained import UNDERTRAINED

ANALYZERS = (
    UNDERTRAINED,
    DATA_CONSTRAINED_ANALYZER,
    TRANSFER_ANALYZER,
    ROUTED_ANALYZER,
    MIXED_MODAL_ANALYZER,
    CHINCHILLA_PARAMETRIC,
    COMPARE_LAWS,
    CONVENTIONS,
    CURVE_ENVELOPE,
    FORECAST,
    DRIFT,
    EMERGENCE,
    HEALTH,
    INFERENCE_AWARE,
    ISOFLOP_PROFILES,
    KAPLAN_LAWS,
    LOSS_BY_DOMAIN,
    LOSS_BY_EVAL_SET,
    DATA_SATURATION_ANALYZER,
    DOWNSTREAM_ERROR_ANALYZER,
    OVER_TRAINING_ANALYZER,
    QUANTILE_FRONTIER_ANALYZER,
    SHAPE_ANALYZER,
    PRUNING_ANALYZER,
    MEMORIZATION_ANALYZER,
    EXTRAPOLATION,
)

__all__ = [
    "ANALYZERS",
    "CHINCHILLA_PARAMETRIC",
    "COMPARE_LAWS",
    "CONVENTIONS",
    "CURVE_ENVELOPE",
    "DATA_CONSTRAINED_ANALYZER",
    "DATA_SATURATION_ANALYZER",
    "DOWNSTREAM_ERROR_ANALYZER",
    "DRIFT",
    "EMERGENCE",
    "EXTRAPOLATION",
    "FORECAST",
    "HEALTH",
    "INFERENCE_AWARE",
    "ISOFLOP_PROFILES",
    "KAPLAN_LAWS",
    "LOSS_BY_DOMAIN",
    "LOSS_BY_EVAL_SET",
    "MEMORIZATION_ANALYZER",
    "MIXED_MODAL_ANALYZER",
    "OVER_TRAINING_ANALYZER",
    "PRUNING_ANALYZER",
    "QUANTILE_FRONTIER_ANALYZER",
    "ROUTED_ANALYZER",
    "SHAPE_ANALYZER",
    "TRANSFER_ANALYZER",
    "UNDERTRAINED",
]
