import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from isoflop.scheduling import (
    KINDS,
    ReportCall,
    ScheduleError,
    clock_files,
    parse_cron,
    report_call,
)

MONDAYS = parse_cron("0 8 * * 1")
HOSTILE = 'p %s $HOME it\'s "q" a\\b c\\\\d \\%e ${{ x }} ; é'
CALL = ReportCall(program=("/opt/isoflop",), registry="/data/registry", out="/srv/out")


def text(kind, *, cron=MONDAYS, call=CALL, ending=""):
    files = [f for f in clock_files(cron, call, kind=kind) if f.place.endswith(ending)]
    assert len(files) == 1
    return files[0].text


@pytest.fixture
def hostile(tmp_path):
    """A call with hostile paths of a program that writes its arguments down and exits as told."""
    folder = tmp_path / HOSTILE
    folder.mkdir()
    program = folder / "iso flop"
    program.write_text(
        '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done > "$TOLD"\nexit ${CODE:-0}\n'
    )
    program.chmod(0o755)
    return ReportCall(program=(str(program),), registry=str(folder / "reg"),
                      out=str(folder / "out%n"), notify_file=str(folder / "to"))  # fmt: skip


def in_shell(command, tmp_path, *, code=0, shell="/bin/sh"):
    told = tmp_path / "told"
    environment = {"TOLD": str(told), "CODE": str(code), "PATH": os.environ["PATH"],
                   "GITHUB_OUTPUT": str(tmp_path / "outputs")}  # fmt: skip
    done = subprocess.run([shell, "-c", command], env=environment, check=False,
                          capture_output=True, text=True)  # fmt: skip
    return done, told.read_text().splitlines()


def as_cron_reads(line):
    """The command as Debian's cron hands it to the shell: do_command.c of cron 3.0pl1."""
    command, escaped = "", False
    for c in line.split(maxsplit=5)[5]:
        if escaped:
            command = (command[:-1] if c == "%" else command) + c
            escaped = False
            continue
        escaped = c == "\\"
        assert c != "%", "the rest would be standard input"
        command += c
    return command


def test_every_clock_is_printed_without_a_kind():
    assert {f.kind for f in clock_files(MONDAYS, CALL)} == set(KINDS)


def test_the_crontab_line_is_the_expression_and_the_call():
    line = text("cron").splitlines()[-1]
    assert line == (
        "0 8 * * 1 /opt/isoflop report --registry /data/registry --out /srv/out >/dev/null"
    )


def test_cron_hands_hostile_paths_over_as_they_are(hostile, tmp_path):
    line = text("cron", call=hostile).splitlines()[-1]
    done, told = in_shell(as_cron_reads(line), tmp_path)
    assert (done.returncode, told) == (0, list(hostile.words[1:]))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_takes_units_with_hostile_paths(hostile, tmp_path):
    units = []
    for file in clock_files(parse_cron("15 3 13 * 5"), hostile, kind="systemd"):
        units.append(tmp_path / Path(file.place).name)
        units[-1].write_text(file.text)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", *units], capture_output=True, text=True,
        check=False, env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_units_escape_what_systemd_expands():
    call = ReportCall(program=("/opt/iso$flop%",), registry='/a "b" \\c', out="/$HOME/%h")
    command = next(line for line in text("systemd", call=call, ending=".service").splitlines()
                   if line.startswith("ExecStart="))  # fmt: skip
    assert command == (
        'ExecStart="/opt/iso$flop%%" "report" "--registry" "/a \\"b\\" \\\\c" "--out" "/$$HOME/%%h"'
    )


def test_systemd_catches_up_and_takes_a_flag_for_success():
    assert "Persistent=true" in text("systemd", ending=".timer")
    assert "OnCalendar=Mon *-*-* 08:00:00" in text("systemd", ending=".timer")
    service = text("systemd", ending=".service")
    assert "SuccessExitStatus=3 5" in service
    assert "EnvironmentFile=-%h/.config/isoflop/report.env" in service


@pytest.mark.parametrize(
    ("code", "ends", "says"),
    [(0, 0, ""), (3, 0, "flag was raised"), (4, 0, "could not be done"),
     (5, 0, "Another report"), (1, 1, ""), (2, 2, "")],
)  # fmt: skip
def test_a_github_job_is_green_where_a_report_was_made(hostile, tmp_path, code, ends, says):
    workflow = yaml.safe_load(text("github", call=hostile))
    step = workflow["jobs"]["report"]["steps"][0]
    command = step["run"].replace("${{ '${{' }}", "${{")  # as GitHub does
    done, told = in_shell(command, tmp_path, code=code, shell="/bin/bash")
    assert (done.returncode, told) == (ends, list(hostile.words[1:]))
    assert says in done.stdout
    assert bool(says) is ("::" in done.stdout)
    assert (tmp_path / "outputs").read_text() == f"code={code}\n"


def test_github_runs_it_by_the_clock_and_knows_no_day_seven():
    workflow = yaml.safe_load(text("github", cron=parse_cron("0 8 * * 5-7")))
    assert workflow[True]["schedule"] == [{"cron": "0 8 * * 0,5,6"}]  # YAML reads `on` as true
    assert workflow["jobs"]["report"]["steps"][0]["env"] == {
        "ISOFLOP_NOTIFY": "${{ secrets.ISOFLOP_NOTIFY }}"
    }


def test_a_gitlab_job_hands_hostile_paths_over_and_allows_what_is_no_failure(hostile, tmp_path):
    job = yaml.safe_load(text("gitlab", call=hostile))["isoflop-report"]
    done, told = in_shell(job["script"][0], tmp_path, code=3)
    assert (done.returncode, told) == (3, list(hostile.words[1:]))
    assert job["allow_failure"] == {"exit_codes": [3, 4, 5]}


def test_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = report_call("reg", "out", notify_file="to")
    assert call.words[1:] == (
        "report", "--registry", str(tmp_path / "reg"), "--out", str(tmp_path / "out"),
        "--notify-file", str(tmp_path / "to"),
    )  # fmt: skip
    assert Path(call.program[0]).is_absolute()
    assert shlex.split(call.shell) == list(call.words)


@pytest.mark.parametrize("path", ["a\nb", "a\rb", "a\x00b", "a\x85b", "a\u2028b", "a\udcffb"])
def test_a_path_that_no_crontab_can_hold_is_refused(path):
    with pytest.raises(ScheduleError, match="control character"):
        report_call("reg", path)
