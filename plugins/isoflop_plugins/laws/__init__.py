"""Laws to fit and published parameter sets to compare with."""

from isoflop.laws import Law, PublishedLaw
from isoflop_plugins.laws.broken import BROKEN_1, BROKEN_2, BROKEN_3
from isoflop_plugins.laws.chinchilla import CHINCHILLA
from isoflop_plugins.laws.data_constrained import DATA_CONSTRAINED
from isoflop_plugins.laws.data_constrained import PUBLISHED as DATA_CONSTRAINED_PUBLISHED
from isoflop_plugins.laws.data_saturation import DATA_SATURATION
from isoflop_plugins.laws.henighan import LAWS as HENIGHAN_LAWS
from isoflop_plugins.laws.kaplan import LAWS as KAPLAN_LAWS
from isoflop_plugins.laws.memorization import LAWS as MEMORIZATION_LAWS
from isoflop_plugins.laws.mixed_modal import MIXED_MODAL
from isoflop_plugins.laws.overtraining import DOWNSTREAM_ERROR, OVER_TRAINING
from isoflop_plugins.laws.pruning import LAWS as PRUNING_LAWS
from isoflop_plugins.laws.published import PUBLISHED
from isoflop_plugins.laws.quantile_frontier import QUANTILE_FRONTIER
from isoflop_plugins.laws.routed import PUBLISHED as ROUTED_PUBLISHED
from isoflop_plugins.laws.routed import ROUTED
from isoflop_plugins.laws.shape import LAWS as SHAPE_LAWS
from isoflop_plugins.laws.shifted import M1, M2, M3, M4
from isoflop_plugins.laws.transfer import PUBLISHED as TRANSFER_PUBLISHED
from isoflop_plugins.laws.transfer import TRANSFER

LAWS: tuple[Law | PublishedLaw, ...] = (
    CHINCHILLA,
    *KAPLAN_LAWS,
    *HENIGHAN_LAWS,
    DATA_CONSTRAINED,
    *DATA_CONSTRAINED_PUBLISHED,
    MIXED_MODAL,
    ROUTED,
    *ROUTED_PUBLISHED,
    TRANSFER,
    *TRANSFER_PUBLISHED,
    DATA_SATURATION,
    OVER_TRAINING,
    DOWNSTREAM_ERROR,
    QUANTILE_FRONTIER,
    *SHAPE_LAWS,
    *PRUNING_LAWS,
    *MEMORIZATION_LAWS,
    M1,
    M2,
    M3,
    M4,
    BROKEN_1,
    BROKEN_2,
    BROKEN_3,
    *PUBLISHED,
)

__all__ = [
    "BROKEN_1",
    "BROKEN_2",
    "BROKEN_3",
    "CHINCHILLA",
    "LAWS",
    "M1",
    "M2",
    "M3",
    "M4",
    "PUBLISHED",
]
