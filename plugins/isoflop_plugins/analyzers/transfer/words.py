"""What an analysis of transfer says in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimate import Estimate
from isoflop.words import number, plural

if TYPE_CHECKING:
    from isoflop_plugins.analyzers.transfer.analyzer import Transfer


def verdict(found: Sequence[Transfer]) -> str:
    """Return what pre-training is worth, family by family."""
    if not found:
        return "There are no runs."
    weighed = [t for t in found if t.tuned is not None]
    if not weighed:
        first = found[0].scratch
        more = f" The same goes for {len(found) - 1} more." if len(found) > 1 else ""
        return f"Nothing can be said of transfer. {first.words}: {first.refusal.rstrip('.')}.{more}"
    sentences = [_sentence(t) for t in weighed[:4]]
    rest = len(found) - len(weighed[:4])
    if rest:
        sentences.append(f"{plural(rest, 'more family', 'more families')}: see the tables.")
    return " ".join(sentences)


def _sentence(t: Transfer) -> str:
    tuned = t.tuned
    assert tuned is not None
    assert t.scratch.fit is not None
    where = (
        f"{t.scratch.words} ({plural(len(tuned.labels), 'fine-tuned run')}, "
        f"{t.scratch.fit.n_runs} from scratch)"
    )
    hurt = int((tuned.transferred.value <= 0).sum())
    worse = f" {plural(hurt, 'run')} did worse than from scratch (ossification)." if hurt else ""
    if t.fit is None:
        return f"{where}: {_unfitted(t)}.{worse}"
    a, b = t.estimate("a"), t.estimate("b")
    return (
        f"{where}: ten times the model brings {_times(b)} times the data along, ten times the "
        f"fine-tuning data {_times(a)} times (exponents b {b!r}, a {a!r}); {_label_words(b)}."
        f"{worse}"
    )


def _unfitted(t: Transfer) -> str:
    assert t.tuned is not None
    assert t.law is not None
    fit = t.law.fit
    why = t.law.refusal if fit is None else f"{fit.status.replace('-', ' ')}, {fit.warnings[0]}"
    gains = t.tuned.multiplier.value[np.isfinite(t.tuned.multiplier.value)]
    known = f"a fine-tuned run is worth {number(float(np.median(gains)), digits=2)} times its data "
    return f"{known if gains.size else ''}(median), but there is no law: {why}"


def _times(exponent: Estimate) -> str:
    ends = (10.0**e for e in (exponent.value, exponent.low, exponent.high))
    return repr(Estimate(**dict(zip(("value", "low", "high"), ends, strict=True))))


def _label_words(b: Estimate) -> str:
    if b.low > 0:
        return "larger models make more of each fine-tuning token"
    if b.high < 0:
        return "larger models make less of each fine-tuning token"
    return "whether size makes more of each fine-tuning token cannot be told"
