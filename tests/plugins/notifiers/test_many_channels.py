"""Notices through apprise to real servers on this machine: HTTP and SMTP."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apprise", reason="apprise is not installed: pip install 'isoflop[notify]'")

from isoflop.errors import PluginError
from isoflop.hookspecs import Notice
from isoflop_plugins.notifiers import NOTIFIERS

[APPRISE] = NOTIFIERS
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)


@pytest.fixture
def notice(tmp_path: Path) -> Notice:
    picture = tmp_path / "headline.png"
    picture.write_bytes(PIXEL)
    body = "**1 flag raised.**\n\n- Raised: run 7 saw too few tokens"
    return Notice(title="Look at 1 undertrained", body=body, is_problem=True, files=(picture,))


class Web(ThreadingHTTPServer):
    """Keeps what is posted; answers with `status`."""

    daemon_threads = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.posts: list[tuple[str, str, bytes]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Answering(BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Mail(socketserver.ThreadingTCPServer):
    """Takes mail as RFC 5321 says, and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Postman)
        self.mails: list[bytes] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Postman(socketserver.StreamRequestHandler):
    server: Mail

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines))
            self._say("221 bye" if verb == b"QUIT" else "250 ok")
            if verb == b"QUIT":
                return

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@pytest.fixture
def web() -> Iterator[Web]:
    yield from _serving(Web())


@pytest.fixture
def mail() -> Iterator[Mail]:
    yield from _serving(Mail())


def _serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_json_brings_title_body_and_picture(web: Web, notice: Notice) -> None:
    APPRISE.notify(notice, f"json://127.0.0.1:{web.port}/hook")
    [(path, _, body)] = web.posts
    said = json.loads(body)
    assert path == "/hook"
    assert (said["title"], said["type"]) == ("Look at 1 undertrained", "warning")
    assert "Raised: run 7 saw too few tokens" in said["message"]
    assert [a["filename"] for a in said["attachments"]] == ["headline.png"]


def test_xml_brings_title_and_body(web: Web, notice: Notice) -> None:
    APPRISE.notify(notice, f"xml://127.0.0.1:{web.port}/hook")
    [(_, kind, body)] = web.posts
    assert "xml" in kind
    assert b"<Subject>Look at 1 undertrained</Subject>" in body
    assert b"run 7 saw too few tokens" in body


def test_form_brings_title_and_picture(web: Web, notice: Notice) -> None:
    APPRISE.notify(notice, f"form://127.0.0.1:{web.port}/hook")
    [(_, kind, body)] = web.posts
    assert "multipart/form-data" in kind
    assert b"Look at 1 undertrained" in body
    assert PIXEL in body


def test_mail_brings_subject_text_and_picture(mail: Mail, notice: Notice) -> None:
    address = f"mailto://127.0.0.1:{mail.port}/?from=isoflop@lab.example&to=team@lab.example"
    APPRISE.notify(notice, address)
    [raw] = mail.mails
    said = email.message_from_bytes(raw, policy=email.policy.default)
    assert said["Subject"] == "Look at 1 undertrained"
    assert "team@lab.example" in said["To"]
    kinds = {part.get_content_type(): part for part in said.walk()}
    assert "<strong>1 flag raised.</strong>" in kinds["text/html"].get_content()
    assert kinds["image/png"].get_content() == PIXEL


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_says_its_code_and_never_the_address(
    web: Web, notice: Notice, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    web.status = status
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PluginError, match=f"HTTP {status}") as caught:
        APPRISE.notify(notice, f"json://ada:pa55word@127.0.0.1:{web.port}/T0/s3cret")
    _assert_no_secret(caught, caplog)


def test_a_channel_that_is_not_there_is_said_and_never_its_address(
    web: Web, notice: Notice, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    web.server_close()
    with pytest.raises(PluginError, match="no connection to the channel") as caught:
        APPRISE.notify(notice, f"json://ada:pa55word@127.0.0.1:{web.port}/T0/s3cret")
    _assert_no_secret(caught, caplog)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "target",
    ["json://ada:pa55word@/T0/s3cret", "slack://s3cret", "mailto://", "fax://s3cret", "json://[::"],
)
def test_an_address_that_cannot_be_read_is_refused_without_showing_it(
    notice: Notice, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert not APPRISE.recognizes(target)
    with pytest.raises(PluginError, match="the address is none that apprise can read") as caught:
        APPRISE.notify(notice, target)
    _assert_no_secret(caught, caplog)


def _assert_no_secret(caught: Any, caplog: pytest.LogCaptureFixture) -> None:
    for secret in ("pa55word", "s3cret"):
        assert secret not in str(caught.value)
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "target",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "mailto://user:pass@gmail.com",
        "jsons://host/path",
    ],
)
def test_addresses_of_known_channels_are_recognized(target: str) -> None:
    assert APPRISE.recognizes(target)


@pytest.mark.parametrize("target", ["", "team", "team@lab.example", "corp-pager://x"])
def test_what_is_no_address_of_its_own_is_left_to_others(target: str) -> None:
    assert not APPRISE.recognizes(target)


def test_other_loggers_speak_again_afterwards(web: Web, notice: Notice) -> None:
    log = logging.getLogger("urllib3.connectionpool")
    before = (log.handlers, log.propagate, logging.getLogger("apprise").propagate)
    APPRISE.notify(notice, f"json://127.0.0.1:{web.port}")
    assert (log.handlers, log.propagate, logging.getLogger("apprise").propagate) == before


def test_without_apprise_one_sentence_says_what_to_install(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert APPRISE.recognizes("slack://a/b/c")
    with pytest.raises(PluginError, match=r"pip install 'isoflop\[notify\]'"):
        APPRISE.notify(notice, "slack://a/b/c")


def test_a_chat_server_of_ones_own_gets_title_and_markdown(web: Web, notice: Notice) -> None:
    APPRISE.notify(notice, f"mmost://127.0.0.1:{web.port}/3ccdd113474722377935511fc85d3dd4")
    [(path, _, body)] = web.posts
    assert path == "/hooks/3ccdd113474722377935511fc85d3dd4"
    assert "**1 flag raised.**" in json.loads(body)["text"]


@pytest.mark.parametrize(
    ("module", "setting", "target", "where"),
    [
        ("slack.NotifySlack", "webhook_url", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
         "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"),
        ("discord.NotifyDiscord", "notify_url",
         "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
         "/services/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"),
    ],
    ids=["slack", "discord"],
)  # fmt: skip
def test_what_is_sent_to_chats_that_cannot_be_here_names_the_flag(
    web: Web, notice: Notice, monkeypatch: pytest.MonkeyPatch,
    module: str, setting: str, target: str, where: str,
) -> None:  # fmt: skip
    """The channel's own code, its server's address replaced: Slack and Discord cannot run here."""
    assert APPRISE.recognizes(target)
    local = f"http://127.0.0.1:{web.port}/services"
    monkeypatch.setattr(f"apprise.plugins.{module}.{setting}", local)
    APPRISE.notify(notice, target)
    assert web.posts[0][0].partition("?")[0] == where
    assert any(b"run 7 saw too few tokens" in body for _, _, body in web.posts)
