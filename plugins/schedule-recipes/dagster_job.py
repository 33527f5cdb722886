"""Dagster: a scaling report every Monday; `dagster dev -f dagster_job.py` serves it."""

import subprocess

import dagster as dg

REGISTRY, OUT = "/data/registry", "/srv/www/scaling"


@dg.op(
    out={"done": dg.Out(is_required=False), "flagged": dg.Out(is_required=False)},
    retry_policy=dg.RetryPolicy(max_retries=1, delay=600),
)
def report(context: dg.OpExecutionContext):
    """0 nothing to act on, 3 a flag was raised, 4 not all was done, 7 both, else failed."""
    words = ["isoflop", "report", "--registry", REGISTRY, "--out", OUT]
    code = subprocess.run(words, check=False).returncode
    if code not in (0, 3, 4, 7):
        raise dg.Failure(f"isoflop report failed with exit code {code}: see above.")
    if code in (4, 7):
        context.log.warning("The report was made, but something could not be done: see above.")
    yield dg.Output(code, output_name="flagged" if code in (3, 7) else "done")


@dg.op
def act(context: dg.OpExecutionContext, code: int) -> None:
    context.log.warning(f"A clear or severe flag was raised: read {OUT}/index.html")  # your step


@dg.job
def isoflop_report():
    outputs = report()
    act(outputs.flagged)


weekly = dg.ScheduleDefinition(job=isoflop_report, cron_schedule="0 8 * * 1")
defs = dg.Definitions(jobs=[isoflop_report], schedules=[weekly])
