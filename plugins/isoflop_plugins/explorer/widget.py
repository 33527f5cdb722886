"""The widget: traits that the browser shares, and the refit behind them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.estimation import FitResult, check_resampling
from isoflop.laws import Law
from isoflop.plugin_host import PluginHost, default_host
from isoflop.results import LeftOut
from isoflop.tables import RunTable
from isoflop.words import plural
from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling
from isoflop_plugins.explorer import FEW_REFITS
from isoflop_plugins.explorer.answers import Answer, answer, results
from isoflop_plugins.explorer.points import RunSet, missing_values, point_records, run_sets

_HERE = Path(__file__).parent
_LONGEST_REASON = 500
_BY_HAND = "taken out by hand in the explorer"

logger = logging.getLogger(__name__)


class Explorer(anywidget.AnyWidget):
    """Runs that are brushed in and out of a fit.

    Parameters
    ----------
    runs, law, family, n_boot, seed, level, host
        As for `isoflop_plugins.explorer.explore`.

    Attributes
    ----------
    excluded : list of str
        Ids of the runs that are taken out; set it to take out others. An id is the run's
        `run_uid`, or ``"row 3"`` where it has none. An unknown id changes nothing but `message`.
    reasons : dict of str to str
        Why a run was left out, by id, where somebody said so.
    family : str
        Family that is shown; what is taken out of the others is kept.
    axes : list of str
        What the plot shows: two of ``n_params``, ``n_tokens``, ``flops``, ``loss``.
    results : dict
        What the browser shows of the fit.
    message : str
        What went wrong, in words; empty where nothing did.
    """

    _esm = _HERE / "explorer.js"
    _css = _HERE / "explorer.css"

    points: Any = traitlets.List().tag(sync=True)
    families: Any = traitlets.List().tag(sync=True)
    family = traitlets.Unicode().tag(sync=True)
    excluded = traitlets.List(traitlets.Unicode()).tag(sync=True)
    reasons = traitlets.Dict().tag(sync=True)
    axes = traitlets.List(["flops", "loss"]).tag(sync=True)
    results = traitlets.Dict().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    # The browser counts up `asked` with each request and sends the next one when `answered` says
    # that this one is done, so a brush that moves faster than the fit skips what lies between.
    asked = traitlets.Int(0).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        runs: RunTable,
        *,
        law: str | Law = "chinchilla",
        family: str | None = None,
        n_boot: int = FEW_REFITS,
        seed: int = 0,
        level: float = 0.95,
        host: PluginHost | None = None,
    ) -> None:
        if not isinstance(runs, RunTable):
            raise SchemaError(
                f"The explorer needs a RunTable, got a {type(runs).__name__}. Give "
                "`registry.runs()`, or wrap a DataFrame: `RunTable.from_pandas(frame)`."
            )
        check_resampling(n_boot=n_boot, level=level, seed=seed)
        super().__init__()
        self._law = _law(law, host)
        self._resampling = Resampling(n_boot=n_boot, seed=seed, level=level)
        self._sets = run_sets(runs) or {"": RunSet(runs=runs, ids=())}
        self._ids = {i for chosen in self._sets.values() for i in chosen.ids}
        self._of_all_runs: dict[str, Answer] = {}
        self._now = Answer()
        self._shown: tuple[str, frozenset[str]] | None = None
        if family is not None and family not in self._sets:
            raise UnknownNameError("family", family, self._sets)
        usable = {name: self._n_usable(chosen) for name, chosen in self._sets.items()}
        with self.hold_sync():
            self.families = [
                {"name": name, "n_runs": len(chosen.ids), "n_usable": usable[name]}
                for name, chosen in self._sets.items()
            ]
            # The first of the largest: max keeps the order of names among equals.
            self.family = max(usable, key=usable.__getitem__) if family is None else family
            self._answer()
        self.observe(self._changed, names=["excluded", "family", "asked"])

    @property
    def included(self) -> RunTable:
        """The runs of the family that are in the fit: `isoflop.fit` of them gives `fit`."""
        return self._chosen.without(frozenset(self.excluded))

    @property
    def fit(self) -> FitResult | None:
        """The fit to `included`; None where there is none, and then `message` says why."""
        return self._now.fit

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The runs of the family that were taken out by hand, with the reason that was given."""
        names, out = self._chosen.names(), frozenset(self.excluded)
        return tuple(
            LeftOut(subject=names[i], reason=_reason(self.reasons, i))
            for i in self._chosen.ids
            if i in out
        )

    def __repr__(self) -> str:
        said = self.message or self.results.get("headline", "")
        shown = self.results.get("numbers", [])[:2]
        values = (f"{x['name']} {x['now']['text']}" for x in shown if x["now"])
        return f"<Explorer: {'; '.join([said, *values])}>"

    @property
    def _chosen(self) -> RunSet:
        return self._sets[self.family]

    @traitlets.validate("family")
    def _known_family(self, proposal: Mapping[str, Any]) -> str:
        if proposal["value"] not in self._sets:
            raise traitlets.TraitError(
                str(UnknownNameError("family", str(proposal["value"]), self._sets))
            )
        return str(proposal["value"])

    def _n_usable(self, chosen: RunSet) -> int:
        return sum(not lacking for lacking in missing_values(self._law, chosen.runs))

    def _changed(self, _change: object) -> None:
        self._answer()

    def _answer(self) -> None:
        """Refit where runs or family changed, and tell the browser in one message."""
        wanted = (self.family, frozenset(self.excluded))
        with self.hold_sync():
            try:
                if wanted != self._shown:
                    self._show(*wanted)
            except Exception as error:  # a kernel must outlive what a browser asks for
                logger.exception("The explorer could not refit.")
                self._now, self.results = Answer(), {}
                self.message = f"The fit failed: {type(error).__name__}: {error}"
            self.answered = self.asked

    def _show(self, family: str, excluded: frozenset[str]) -> None:
        is_new = self._shown is None or self._shown[0] != family
        self._shown = (family, excluded)
        chosen = self._sets[family]
        if family not in self._of_all_runs:
            self._of_all_runs[family] = self._fitted(chosen, chosen.runs)
        before = self._of_all_runs[family]
        out = excluded & frozenset(chosen.ids)
        self._now = self._fitted(chosen, chosen.without(out)) if out else before
        if is_new:
            self.points = point_records(chosen, self._unusable(chosen, before))
        self.results = {**self._constant(), **results(self._now, before, chosen)}
        self.message = " ".join(filter(None, (self._now.refusal, self._unknown_words())))

    def _fitted(self, chosen: RunSet, runs: RunTable) -> Answer:
        return answer(self._law, chosen, runs, self._resampling)

    def _constant(self) -> dict[str, Any]:
        told = self._resampling
        law = {"law": self._law.name, "equation": self._law.equation}
        return {**law, "level": told.level, "n_boot": told.n_boot}

    def _unusable(self, chosen: RunSet, before: Answer) -> dict[str, str]:
        """Return why runs cannot be fitted: in the fit's words, else by what they lack."""
        if before.fit is None:
            lacking = missing_values(self._law, chosen.runs)
            return {i: why for i, why in zip(chosen.ids, lacking, strict=True) if why}
        used = set(before.fit.rows.tolist())
        skipped = [i for row, i in enumerate(chosen.ids) if row not in used]
        return {i: out.reason for i, out in zip(skipped, before.fit.left_out, strict=True)}

    def _unknown_words(self) -> str:
        unknown = sorted(set(self.excluded) - self._ids)
        if not unknown:
            return ""
        ids = plural(len(unknown), "id")
        return f"{ids} in `excluded` belong to no run here, such as {unknown[0][:80]!r}."


def _law(law: str | Law, host: PluginHost | None) -> Law:
    if isinstance(law, Law):
        return law
    laws = (host or default_host()).context.laws
    if law not in laws:
        raise UnknownNameError("law", law, laws, hint="`isoflop plugins` lists what is there.")
    return laws[law]


def _reason(reasons: Mapping[str, Any], run: str) -> str:
    return str(reasons.get(run) or "").strip()[:_LONGEST_REASON] or _BY_HAND
