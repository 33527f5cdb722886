"""Scheduled workflows for CI servers."""

from __future__ import annotations

from isoflop.scheduling.calls import ClockFile, ReportCall
from isoflop.scheduling.cron import CronExpression

_GITHUB = """\
name: isoflop report
on:
  schedule:
    - cron: "{cron}"  # UTC
  workflow_dispatch:
permissions: {{}}
concurrency: isoflop-report
jobs:
  report:
    # A runner of your own, which sees the folder of the registry.
    runs-on: self-hosted
    steps:
      - name: Report
        id: report
        shell: bash
        env:
          # Addresses of notices: a secret of the repository, never written here.
          ISOFLOP_NOTIFY: ${{{{ secrets.ISOFLOP_NOTIFY }}}}
        run: |
          code=0
          {command} || code=$?
          # A later step can act on a flag:
          #   if: always() && contains('3 7', steps.report.outputs.code)
          echo "code=$code" >> "$GITHUB_OUTPUT"
          case "$code" in
            0) ;;
            3) echo "::warning title=isoflop::A clear or severe flag was raised: see the report." ;;
            4) echo "::warning title=isoflop::Made, but something could not be done: see above." ;;
            7) echo "::error title=isoflop::A flag was raised, and something could not be done."
               exit 7 ;;
            5) echo "::notice title=isoflop::Another report was being made; nothing was done." ;;
            *) exit "$code" ;;
          esac
"""

_GITLAB = """\
# The time is not in this file: Build > Pipeline schedules > New schedule, interval pattern
#   {cron}
# Addresses of notices: a masked CI/CD variable ISOFLOP_NOTIFY, never written here.
isoflop-report:
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
  # A runner of your own, which sees the folder of the registry: give it this tag.
  tags: [isoflop]
  resource_group: isoflop-report
  script:
    - |
      {command}
  # Orange, not red: 3 says that a clear or severe flag was raised, 4 that the report was made, but
  # something could not be done, 5 that another report was being made. Red: 7, both 3 and 4, so that
  # a notice that was lost is seen, and 1, failed.
  allow_failure:
    exit_codes: [3, 4, 5]
"""


def github_file(cron: CronExpression, call: ReportCall) -> ClockFile:
    """Return a workflow of GitHub Actions that is green on exit codes 3 and 4, with a warning."""
    # GitHub replaces ${{ }} before any shell sees it.
    command = call.shell.replace("${{", "${{ '${{' }}")
    text = _GITHUB.format(cron=_without_day_seven(cron), command=command)
    return ClockFile(kind="github", place=".github/workflows/isoflop-report.yml", text=text)


def gitlab_file(cron: CronExpression, call: ReportCall) -> ClockFile:
    """Return a job of GitLab CI, for a pipeline schedule."""
    text = _GITLAB.format(cron=cron.text, command=call.shell)
    return ClockFile(kind="gitlab", place=".gitlab-ci.yml", text=text)


def _without_day_seven(cron: CronExpression) -> str:
    """Return the expression with Sunday as 0: GitHub knows no 7."""
    *others, weekdays = cron.text.split()
    if "7" in weekdays:
        weekdays = ",".join(map(str, cron.weekdays))
    return " ".join((*others, weekdays))
