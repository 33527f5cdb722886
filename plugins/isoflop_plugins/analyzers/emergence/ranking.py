"""What a reader of verdicts looks at first: strict metrics, by interest."""

from __future__ import annotations

from collections.abc import Sequence

from isoflop_plugins.analyzers.emergence.verdicts import Verdict

_INTEREST = (
    "abrupt", "metric_induced", "onset", "artefact_suspected", "unresolved", "steep", "u_shaped",
    "inverse", "smooth", "flat",
)  # fmt: skip


def strict(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return verdicts on strict metrics; all of them where every metric gives partial credit."""
    return [v for v in verdicts if not v.measures.curve.is_continuous] or list(verdicts)


def interest(v: Verdict) -> tuple[int, int, float, str]:
    """Return what to sort verdicts by: kind, onset, size of the rise, name."""
    width = v.measures.width
    amplitude = abs(width.amplitude) if width else 0.0
    return (_INTEREST.index(v.word), 0 if v.onset else 1, -amplitude, v.measures.curve.key.text())
