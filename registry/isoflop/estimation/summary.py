"""How a fit prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.estimation.selection import reasons_by_count
from isoflop.words import count, flops, plural

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.estimation.planning import Plan
    from isoflop.estimation.result import FitResult

_VERDICTS = {
    "converged": "fitted",
    "partly-identified": "fitted; predictions hold, not every parameter does",
    "at-bound": "fitted, but a parameter sits at its bound",
    "not-identifiable": "not identifiable from these runs",
    "not-converged": "not converged",
}


def fit_text(fit: FitResult) -> str:
    """Return a fit as text: verdict, checks, parameters, what was left out, source."""
    whose = f" of family {fit.family!r}" if fit.family else ""
    where = f", loss on {fit.loss_dataset!r}" if fit.loss_dataset else ""
    lines = [
        f"{fit.law.name}: {_VERDICTS[fit.status]}, {plural(fit.n_runs, 'run')}{whose}{where}",
        f"  {fit.law.equation}",
        *_checks(fit),
        *_numbers(fit),
        *_left_out(fit),
        f"  source: {fit.source}",
    ]
    return "\n".join(lines)


def _checks(fit: FitResult) -> list[str]:
    c = fit.certificate
    agree = f"{c.n_agree} of {c.n_starts} starts agree within 1e-9 of the objective"
    lines = [
        f"  {_mark(c.n_agree >= 2)} {fit.settings.objective_words} = {fit.objective:.10g}; "
        f"{agree}; scaled gradient {fit.gradient_norm:.0e}"
    ]
    if fit.status == "converged":
        lines.append(f"  [ok] parameters identified: condition number {c.condition_number:.1e}")
    lines += [f"  [no] {text}" for text in fit.warnings]
    lines.append(
        f"  runs scatter {_scatter(fit)} around the law"
        + (f"; {plural(fit.n_boot, 'bootstrap refit')}" if fit.n_boot else "; no intervals")
    )
    if c.refits_unconverged:
        lines.append(f"  [no] {plural(c.refits_unconverged, 'refit')} did not reach a minimum")
    return lines


def _scatter(fit: FitResult) -> str:
    if fit.objective_name.startswith("log-"):
        return f"{100 * fit.residual_scale:.2g} %"
    unit = "" if fit.law.response_unit == "1" else f" {fit.law.response_unit}"
    return f"{fit.residual_scale:.2g}{unit}"


def _mark(good: bool) -> str:
    return "[ok]" if good else "[no]"


def _numbers(fit: FitResult) -> list[str]:
    named = {**fit.params, **fit.derived}
    wide = max(len(name) for name in named)
    units = {name: "" if unit == "1" else f" {unit}" for name, unit in fit.units.items()}
    lines = [f"  {name:<{wide}}  {e!r}{units.get(name, '')}" for name, e in named.items()]
    if "tokens_per_param" in named:
        lines[-1] += f" at {flops(fit.largest_run.flops)}, the largest compute seen"
    return [f"  intervals at {100 * fit.level:g} %:" if fit.n_boot else "  no intervals:", *lines]


def _left_out(fit: FitResult) -> list[str]:
    if not fit.left_out:
        return ["  left out: nothing"]
    total = fit.n_runs + len(fit.left_out)
    lines = [f"  left out: {len(fit.left_out)} of {plural(total, 'run')}"]
    return lines + [f"    {n} x {reason}" for reason, n in reasons_by_count(fit.left_out)[:8]]


def plan_text(plan: Plan) -> str:
    """Return a plan as text."""
    lines = [
        f"Plan for {flops(plan.flops)} under {plan.law}:",
        f"  n_params          {_counted(plan.n_params)} parameters",
        f"  n_tokens          {_counted(plan.n_tokens)} tokens",
        f"  tokens_per_param  {plan.tokens_per_param!r} token",
    ]
    if plan.loss is not None:
        lines.append(f"  loss              {plan.loss!r} nat/token")
    if plan.extrapolation_decades > 0:
        lines.append(f"  [no] {plan.extrapolation_decades:.1f} decades outside the law's runs")
    lines += [f"  [no] {note}" for note in plan.warnings]
    return "\n".join([*lines, f"  source: {plan.source}"])


def _counted(estimate: Estimate) -> str:
    """Return a count with its interval, in the words of the field."""
    return f"{count(estimate.value)} [{count(estimate.low)}, {count(estimate.high)}]"
