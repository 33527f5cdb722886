from isoflop.reporting import build_report
from isoflop.reporting.metrics import report_metrics


def test_counts_and_numbers_with_their_ends_are_metrics(registry, host):
    metrics = report_metrics(build_report(registry, host=host))
    assert metrics["n_runs"] == 6
    assert metrics["n_reference"] == 1
    assert metrics["n_small"] == metrics["n_flags"] == metrics["n_raised"] == 3
    assert metrics["small-runs/mean_loss_low"] == 3.4
    assert metrics["small-runs/mean_loss_high"] == 4.1
    assert 3.4 < metrics["small-runs/mean_loss"] < 4.1


def test_what_is_not_finite_is_no_metric(registry, cases):
    def run(runs, context, /):
        import dataclasses

        from isoflop.estimate import Estimate

        odd = {"gap": Estimate(value=1.0, low=float("nan"), high=float("inf"))}
        return dataclasses.replace(cases.small_runs(runs, context), numbers=odd)

    host = cases.make_host(cases.analyzer("odd", run))
    metrics = report_metrics(build_report(registry, host=host))
    assert [name for name in metrics if "/" in name] == ["odd/gap"]
