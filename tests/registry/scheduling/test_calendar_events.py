import os
import re
import shutil
import subprocess
from datetime import datetime

import pytest

from isoflop.scheduling import parse_cron
from isoflop.scheduling.calendar_events import on_calendar


@pytest.mark.parametrize(
    ("cron", "events"),
    [
        ("0 8 * * 1", ("Mon *-*-* 08:00:00",)),
        ("*/5 * * * *", ("*-*-* *:00/5:00",)),
        ("0 8 * * 5-7", ("Fri..Sun *-*-* 08:00:00",)),
        ("0 8,20 1 jan,jul *", ("*-01,07-01 08,20:00:00",)),
        ("0 8 13 * 5", ("*-*-13 08:00:00", "Fri *-*-* 08:00:00")),
    ],
)
def test_events_are_spelled_as_people_spell_them(cron, events):
    assert on_calendar(parse_cron(cron)) == events


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_fires_when_cron_does(clock_case):
    cron, start, expected = clock_case
    at = set()
    for event in on_calendar(cron):
        done = subprocess.run(
            ["systemd-analyze", "calendar", f"--iterations={len(expected)}",
             f"--base-time={start:%Y-%m-%d %H:%M:%S} UTC", event],
            capture_output=True, text=True, check=True,
            env=os.environ | {"TZ": "UTC", "LC_ALL": "C"},
        )  # fmt: skip
        found = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC)", done.stdout)
        at |= {datetime.fromisoformat(f"{moment}+00:00") for moment in found} - {start}
    assert sorted(at)[: len(expected)] == expected
