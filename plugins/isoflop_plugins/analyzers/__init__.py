"""Analyzers that ship with isoflop: one question about a table each."""

from isoflop_plugins.analyzers.chinchilla.parametric import CHINCHILLA_PARAMETRIC
from isoflop_plugins.analyzers.compare_laws.analyzer import COMPARE_LAWS
from isoflop_plugins.analyzers.conventions.analyzer import CONVENTIONS
from isoflop_plugins.analyzers.curve_envelope.analyzer import CURVE_ENVELOPE
from isoflop_plugins.analyzers.data_constrained.analyzer import DATA_CONSTRAINED_ANALYZER
from isoflop_plugins.analyzers.data_saturation.analyzer import DATA_SATURATION_ANALYZER
from isoflop_plugins.analyzers.downstream_error.analyzer import DOWNSTREAM_ERROR_ANALYZER
from isoflop_plugins.analyzers.drift.analyzer import DRIFT
from isoflop_plugins.analyzers.emergence.analyzer import EMERGENCE
from isoflop_plugins.analyzers.extrapolation.analyzer import EXTRAPOLATION
from isoflop_plugins.analyzers.forecast.analyzer import FORECAST
from isoflop_plugins.analyzers.health.analyzer import HEALTH
from isoflop_plugins.analyzers.inference_aware.analyzer import INFERENCE_AWARE
from isoflop_plugins.analyzers.isoflop_profiles.analyzer import ISOFLOP_PROFILES
from isoflop_plugins.analyzers.kaplan_laws.analyzer import KAPLAN_LAWS
from isoflop_plugins.analyzers.loss_by_domain.analyzer import LOSS_BY_DOMAIN, LOSS_BY_EVAL_SET
from isoflop_plugins.analyzers.memorization.analyzer import MEMORIZATION_ANALYZER
from isoflop_plugins.analyzers.mixed_modal.analyzer import MIXED_MODAL_ANALYZER
from isoflop_plugins.analyzers.over_training.analyzer import OVER_TRAINING_ANALYZER
from isoflop_plugins.analyzers.pruning.analyzer import PRUNING_ANALYZER
from isoflop_plugins.analyzers.quantile_frontier.analyzer import QUANTILE_FRONTIER_ANALYZER
from isoflop_plugins.analyzers.routed.analyzer import ROUTED_ANALYZER
from isoflop_plugins.analyzers.shape.analyzer import SHAPE_ANALYZER
from isoflop_plugins.analyzers.transfer.analyzer import TRANSFER_ANALYZER
from isoflop_plugins.analyzers.undertrained.analyzer import UNDERTRAINED

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
