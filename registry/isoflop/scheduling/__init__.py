"""Schedules: cron expressions, what other clocks need, and a clock of our own."""

from isoflop.scheduling.calls import ClockFile, ReportCall, report_call
from isoflop.scheduling.cron import CronExpression, ScheduleError, parse_cron
from isoflop.scheduling.printing import KINDS, clock_files

__all__ = [
    "KINDS",
    "ClockFile",
    "CronExpression",
    "ReportCall",
    "ScheduleError",
    "clock_files",
    "parse_cron",
    "report_call",
]
