"""Cards of fits and plans: what they show of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.display.card import Card, Number, Tone, by_reason
from isoflop.words import count, flops, plural

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.estimation.planning import Plan
    from isoflop.estimation.result import FitResult

_VERDICTS: dict[str, tuple[str, Tone]] = {
    "converged": ("fitted", "good"),
    "partly-identified": ("fitted; predictions hold, not every parameter does", "caution"),
    "at-bound": ("fitted, but a parameter sits at its bound", "caution"),
    "not-identifiable": ("not identifiable from these runs", "bad"),
    "not-converged": ("not converged", "bad"),
}


def fit_card(fit: FitResult) -> Card:
    """Return the card of a fit: verdict, checks, parameters, what was left out, source."""
    whose = f" of family {fit.family!r}" if fit.family else ""
    where = f", loss on {fit.loss_dataset!r}" if fit.loss_dataset else ""
    words, tone = _VERDICTS[fit.status]
    n_out, n_rows = len(fit.left_out), fit.n_runs + len(fit.left_out)
    return Card(
        title=fit.law.name,
        verdict=f"{words}, {plural(fit.n_runs, 'run')}{whose}{where}",
        status=fit.status.replace("-", " "),
        tone=tone,
        formula=fit.law.equation,
        checks=_checks(fit),
        facts=[_scatter(fit)],
        numbers_title=f"intervals at {100 * fit.level:g} %" if fit.n_boot else "no intervals",
        numbers=_numbers(fit),
        left_out_title=f"left out: {n_out} of {plural(n_rows, 'run')}" if n_out
        else "left out: nothing",
        left_out=by_reason((item.subject, item.reason) for item in fit.left_out),
        source=fit.source,
    )  # fmt: skip


def _checks(fit: FitResult) -> list[tuple[str, bool]]:
    c = fit.certificate
    agree = f"{c.n_agree} of {c.n_starts} starts agree within 1e-9 of the objective"
    minimum = f"{fit.settings.objective_words} = {fit.objective:.10g}"
    checks = [(f"{minimum}; {agree}; scaled gradient {fit.gradient_norm:.0e}", c.n_agree >= 2)]
    if fit.status == "converged":
        identified = f"parameters identified: condition number {c.condition_number:.1e}"
        checks.append((identified, True))
    checks += [(text, False) for text in fit.warnings]
    if c.refits_unconverged:
        checks.append((f"{plural(c.refits_unconverged, 'refit')} did not reach a minimum", False))
    return checks


def _scatter(fit: FitResult) -> str:
    if fit.objective_name.startswith("log-"):
        scale = f"{100 * fit.residual_scale:.2g} %"
    else:
        unit = "" if fit.law.response_unit == "1" else f" {fit.law.response_unit}"
        scale = f"{fit.residual_scale:.2g}{unit}"
    refits = f"; {plural(fit.n_boot, 'bootstrap refit')}" if fit.n_boot else ""
    return f"runs scatter {scale} around the law{refits}"


def _numbers(fit: FitResult) -> list[Number]:
    top = f"at {flops(fit.largest_run.flops)}, the largest compute seen"
    units = {name: "" if unit == "1" else unit for name, unit in fit.units.items()}
    return [
        Number(
            name=name,
            text=repr(estimate),
            unit=units.get(name, ""),
            note=top if name == "tokens_per_param" else "",
        )
        for name, estimate in {**fit.params, **fit.derived}.items()
    ]


def plan_card(plan: Plan) -> Card:
    """Return the card of a plan: N, D, D / N and loss for a budget, and how far to trust them."""
    outside = plan.extrapolation_decades
    far = f"{outside:.1f} decades outside the law's runs"
    numbers = [
        Number(name="n_params", text=_counted(plan.n_params), unit="parameters"),
        Number(name="n_tokens", text=_counted(plan.n_tokens), unit="tokens"),
        Number(name="tokens_per_param", text=repr(plan.tokens_per_param), unit="token"),
    ]
    if plan.loss is not None:
        numbers.append(Number(name="loss", text=repr(plan.loss), unit="nat/token"))
    size, length = count(plan.n_params.value), count(plan.n_tokens.value)
    return Card(
        title=f"Plan for {flops(plan.flops)} under {plan.law}",
        verdict=f"{size} parameters on {length} tokens",
        status="outside the data" if outside > 0 else "inside the data",
        tone="caution" if outside > 0 or plan.warnings else "good",
        checks=[(far, False)] * (outside > 0) + [(note, False) for note in plan.warnings],
        numbers=numbers,
        source=plan.source,
    )


def _counted(estimate: Estimate) -> str:
    """Return a count with its interval, in the words of the field."""
    return f"{count(estimate.value)} [{count(estimate.low)}, {count(estimate.high)}]"
