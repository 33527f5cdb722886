"""The best achievable: the two-term form as a lower envelope of the runs, not as their law."""

from __future__ import annotations

import dataclasses

from isoflop_plugins.laws.chinchilla import CHINCHILLA

QUANTILE_FRONTIER = dataclasses.replace(
    CHINCHILLA,
    # A name of its own, so that the drift of the law is never read from fits of the envelope.
    name="quantile-frontier",
    summary="A lower envelope: the loss that only a given share of the runs stays below.",
    objective="log-quantile",
    cannot_say=(
        "What a typical run reaches: it is an envelope and not the law of the runs; whether the "
        "runs below it were better tuned or lucky; and what the law of chinchilla cannot say."
    ),
    source=(
        "Quantile regression: Koenker and Bassett 1978, Econometrica 46, 33-50, on the form of "
        f"{CHINCHILLA.source}"
    ),
)
