"""Delivering: collect again, make the report, keep it in the tracker, tell people; each once."""

from isoflop.reporting.delivering.delivery import Delivery, deliver_failure, deliver_report
from isoflop.reporting.delivering.locking import ReportBusyError
from isoflop.reporting.delivering.targets import notify_targets

__all__ = ["Delivery", "ReportBusyError", "deliver_failure", "deliver_report", "notify_targets"]
