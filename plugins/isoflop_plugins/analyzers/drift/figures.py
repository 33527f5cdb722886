"""Chart of a law's parameters over the dates of its fits."""

from isoflop.figures.drift_panels import draw_drift as drift

__all__ = ["drift"]
