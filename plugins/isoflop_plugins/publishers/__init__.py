"""Places where reports are kept beside their folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoflop.hookspecs import Publisher


def _publish(report: Any, files: Sequence[Path]) -> str | None:
    from isoflop_plugins.publishers.tracking_server import publish

    return publish(report, files)


PUBLISHERS = (
    Publisher(
        name="mlflow",
        summary="An MLflow run in the experiment _reports, where a tracking URI is set.",
        publish=_publish,
    ),
)

__all__ = ["PUBLISHERS"]
