"""The verdict of a forecast and what was checked, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult
from isoflop.words import flops as flops_words
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.forecast.families import FamilyForecast, coverage, mean_errors
from isoflop_plugins.analyzers.forecast.tables import at_end

_MOST_SENTENCES = 6


def verdict(items: Sequence[FamilyForecast], column: str) -> str:
    """Return the forecast of each family, or why there is none; `column` is what is forecast."""
    if not items:
        return "There are no runs."
    sentences = [_sentence(item, column) for item in items]
    shown = sentences[:_MOST_SENTENCES]
    left = len(sentences) - len(shown)
    return " ".join(shown) + (f" And {left} more, see the tables." if left else "")


def _sentence(item: FamilyForecast, column: str) -> str:
    fit, name = item.fit, item.name
    if fit is None:
        return f"{name}: no forecast, {item.refusal}"
    if not item.is_told:
        return f"{name} ({plural(fit.n_runs, 'run')}): no forecast, {_why_not(item)}."
    band = at_end(item)
    along = f" and at {item.tokens_per_param:.3g} tokens per parameter"
    words = (
        f"{name} ({plural(fit.n_runs, 'run')}): at {flops_words(item.top)}, "
        f"{item.decades:.1f} decades beyond the runs"
        f"{along if math.isfinite(item.tokens_per_param) else ''}, the law says {column} "
        f"{band.law[0]!r}, and a single run {_ends(band.run[0])}; {_wins(item)}."
    )
    return words + _narrow(item, fit) + _unidentified(item, fit)


def _narrow(item: FamilyForecast, fit: FitResult) -> str:
    """Return a warning where fewer held-out runs lay in their bands than should."""
    if not (item.judged and fit.n_boot):
        return ""
    held, of, enough = coverage(item.judged, fit.level)
    if enough:
        return ""
    return (
        f" Only {held} of {of} held-out runs lay in their {100 * fit.level:g} % bands: too narrow."
    )


def _ends(run: Estimate) -> str:
    """Return the interval of a single run."""
    return repr(run).partition(" ")[2]


def _wins(item: FamilyForecast) -> str:
    if not item.judged:
        return "no sizes to validate on, so nothing says how good that is"
    kind = "size" if item.judged[0].by == "n_params" else "budget"
    errors = " against ".join(map(percent, item.errors))
    return (
        f"fitted up to each {kind} in turn, it beat carrying the lowest {_or_value(item)} on "
        f"{item.wins} of {plural(len(item.judged), 'step')} (mean error {errors})"
    )


def _or_value(item: FamilyForecast) -> str:
    assert item.fit is not None
    response = item.fit.law.response
    return response if not item.fit.settings.using else "value"


def _unidentified(item: FamilyForecast, fit: FitResult) -> str:
    if not fit.unidentified:
        return "" if fit.is_usable else f" Its parameters are not to be read: {fit.warnings[0]}."
    names = " and ".join(fit.unidentified)
    verb = "is" if len(fit.unidentified) == 1 else "are"
    if not item.is_good:
        return f" {names} {verb} not identified by these runs."
    return f" {names} {verb} not identified: the predictions are good, the parameters are not."


def _why_not(item: FamilyForecast) -> str:
    assert item.fit is not None
    if not item.judged:
        why = item.fit.warnings[0] if item.fit.warnings else item.fit.status
        return f"there are no sizes to validate on and the law is {item.fit.status}: {why}"
    return f"the law does not foretell the larger runs: {_wins(item)}"


def checks(item: FamilyForecast, column: str) -> list[tuple[str, bool]]:
    """Return statements about one family's forecast and whether they hold."""
    name, fit = item.name, item.fit
    if fit is None:
        return [(f"{name}: {item.refusal}", False)]
    out = [(f"{name}: {text}", False) for text in fit.warnings]
    for by, words in (("n_params", "model size"), ("flops", "compute")):
        steps = item.following(by)
        if not steps:
            out.append((f"{name}: no step by {words} to validate on", False))
            continue
        own, other = mean_errors(steps)
        won = sum(s.beats_carrying for s in steps)
        far = max(float(s.decades[s.ahead == 1].max()) for s in steps)
        out.append(
            (f"{name}: by {words}, the law beats carrying the lowest {column} on {won} of "
             f"{plural(len(steps), 'step')}, mean error {percent(own)} against {percent(other)}, "
             f"up to {far:.1f} decades ahead", 2 * won > len(steps))
        )  # fmt: skip
        if fit.n_boot:
            held, of, enough = coverage(steps, fit.level)
            band = f"{100 * fit.level:g} % band of a single run"
            runs = plural(of, "held-out run")
            out.append((f"{name}: by {words}, {held} of {runs} lie in the {band}", enough))
    far = item.decades
    seen = max((float(s.decades.max()) for s in item.steps), default=0.0)
    words = f"the forecast reaches {far:.1f} decades, validation reached {seen:.1f}"
    return [*out, (f"{name}: {words}", far <= seen)]
