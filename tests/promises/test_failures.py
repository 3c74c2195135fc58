"""What can go wrong on the way to a feed: each kind has a sentence, and the manual a row for it."""

import logging
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import trustme

from buildlight.cli import main
from buildlight.feeds.schedule import DEADLINE
from support.examples import a_project
from support.fetching import answering
from support.servers import (
    BREAKS_OFF,
    DRIPS,
    FEED,
    HANGS,
    Answer,
    FeedServer,
    gzip_bomb,
    redirect,
)
from support.world import Server, World

MANUAL = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


class Stage:
    """Where failures are played: real servers on loopback, closed in the end."""

    def __init__(self, opened: ExitStack, folder: Path, authority: trustme.CA) -> None:
        self._opened = opened
        self._folder = folder
        self.authority = authority

    def url(self, answer: Answer, *, tls: ssl.SSLContext | None = None, path: str = "/") -> str:
        """Return the address of a server that gives this *answer* to everything."""
        return self._opened.enter_context(FeedServer(answer, tls=tls)).url(path)

    def https(
        self, answer: Answer, *, host: str = "127.0.0.1", begin: int = -1, end: int = 1
    ) -> str:
        """Return one of https, its certificate good from day *begin* to day *end* from now."""
        now = datetime.now(tz=UTC)
        certificate = self.authority.issue_cert(
            host, not_before=now + timedelta(days=begin), not_after=now + timedelta(days=end)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return self.url(answer, tls=context)

    def opened(self, address: AbstractContextManager[str]) -> str:
        """Return an *address* that is closed in the end."""
        return self._opened.enter_context(address)

    def alert(self, code: int) -> str:
        """Return one of https that refuses every handshake with the alert *code*."""
        return self.opened(answering(bytes((0x15, 3, 3, 0, 2, 2, code))))

    def stranger(self) -> str:
        """Return one of https, whose certificate nobody knows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        return self.url(Answer(), tls=context)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage on a machine that trusts one authority and has no proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with ExitStack() as opened:
        yield Stage(opened, tmp_path, authority)


def nobody(_stage: Stage) -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"


TOKEN = "t0ken-0123456789abcdef"
PLACEHOLDER = FEED.replace(b'"shop"', b'"repo does not exist or token missing"')

FAILURES: dict[str, Callable[[Stage], str]] = {
    "name not found": lambda _stage: f"http://{'x' * 64}.invalid/cc.xml",
    "refused": nobody,
    "timed out": lambda stage: stage.url(HANGS),
    "too slow": lambda stage: stage.url(DRIPS),
    "broken off": lambda stage: stage.url(BREAKS_OFF),
    "http for https": lambda stage: stage.url(Answer()).replace("http:", "https:"),
    "certificate of nobody": Stage.stranger,
    "certificate of another": lambda stage: stage.https(Answer(), host="ci.example"),
    "certificate expired": lambda stage: stage.https(Answer(), begin=-9, end=-5),
    "certificate of tomorrow": lambda stage: stage.https(Answer(), begin=5, end=9),
    "no client certificate": lambda stage: stage.alert(116),
    "no client certificate, or old ciphers": lambda stage: stage.alert(40),
    "an old TLS": lambda stage: stage.alert(70),
    "only HTTP/2": lambda stage: stage.alert(120),
    "an unknown name": lambda stage: stage.alert(112),
    "a TLS server in trouble": lambda stage: stage.alert(80),
    "any other alert": lambda stage: stage.alert(51),
    "401": lambda stage: stage.url(Answer(status=401)),
    "401 with a token": lambda stage: stage.url(Answer(status=401), path=f"/?token={TOKEN}"),
    "401, NTLM": lambda stage: stage.url(Answer(status=401, headers={"WWW-Authenticate": "NTLM"})),
    "401 with a password": lambda stage: stage.url(Answer(status=401)).replace(
        "//", "//lamp:s3cret@"
    ),
    "403": lambda stage: stage.url(Answer(status=403)),
    "403 with a token": lambda stage: stage.url(Answer(status=403), path=f"/?token={TOKEN}"),
    "203": lambda stage: stage.url(Answer(status=203)),
    "511": lambda stage: stage.url(Answer(status=511)),
    "404": lambda stage: stage.url(Answer(status=404)),
    "429": lambda stage: stage.url(Answer(status=429)),
    "500": lambda stage: stage.url(Answer(status=500)),
    "503": lambda stage: stage.url(Answer(status=503)),
    "old news": lambda stage: stage.url(Answer(headers={"Age": "3600"})),
    "old news by its own word": lambda stage: stage.url(Answer(headers={"Warning": "111 - x"})),
    "redirect to nobody": lambda stage: stage.url(redirect(nobody(stage))),
    "redirect without the token": lambda stage: stage.url(
        redirect(stage.url(Answer(status=401))), path=f"/?token={TOKEN}"
    ),
    "redirect for a cookie": lambda stage: stage.url(
        Answer(status=302, headers={"Location": "/", "Set-Cookie": "session=1"})
    ),
    "no HTTP": lambda stage: stage.opened(answering(b"220 mail ESMTP\r\n\r\n", scheme="http")),
    "declared wrongly": lambda stage: stage.url(
        Answer(b'<?xml version="1.0" encoding="GB2312"?><Projects a="\xff\xff"/>')
    ),
    "another encoding": lambda stage: stage.url(Answer(headers={"Content-Encoding": "br"})),
    "login elsewhere": lambda stage: stage.url(
        redirect(stage.url(Answer(b"<!DOCTYPE html><html>Log in</html>")))
    ),
    "redirects for ever": lambda stage: stage.url(redirect("/again")),
    "redirect to http": lambda stage: stage.https(redirect(stage.url(Answer()))),
    "redirect with the token": lambda stage: stage.url(
        redirect(stage.url(Answer(), path=f"/?token={TOKEN}")), path=f"/?token={TOKEN}"
    ),
    "login page": lambda stage: stage.url(Answer(b"<html><body>Log in</body></html>")),
    "access denied": lambda stage: stage.url(Answer(b"<access-denied/>")),
    "placeholder": lambda stage: stage.url(Answer(PLACEHOLDER)),
    "empty": lambda stage: stage.url(Answer(b"")),
    "not XML": lambda stage: stage.url(Answer(b'{"projects": []}')),
    "wrong root": lambda stage: stage.url(Answer(b"<rss/>")),
    "truncated": lambda stage: stage.url(Answer(FEED[:-12])),
    "not well-formed": lambda stage: stage.url(Answer(FEED.replace(b"shop", b"R&D"))),
    "too large": lambda stage: stage.url(gzip_bomb(17)),
}


LATE = ("timed out", "too slow")
"""Those for which nobody wants to wait the whole deadline."""


def rows() -> list[str]:
    """Return what `check` says, of every row of the manual's table."""
    section = MANUAL.read_text(encoding="utf-8").split("## When a feed fails\n")[1]
    table = section.split("\n#")[0]
    found = re.findall(r"^\| `([^`]+)` \| \S[^|]* \|$", table, re.MULTILINE)
    assert len(found) == table.count("\n| ") - 1  # its head
    return found


def matching(sentence: str) -> list[str]:
    """Return the rows that *sentence* belongs to."""
    return [row for row in rows() if re.fullmatch(re.escape(row).replace("…", ".+"), sentence)]


def told(name: str, stage: Stage, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what `buildlight check` says of the failure called *name*."""
    file = folder / "buildlight.toml"
    file.write_text(
        f'[[feeds]]\nname = "ci"\nurl = "{FAILURES[name](stage)}"\n'
        '[[lamps]]\ndriver = "gpio"\npins = { red = 17, green = 22 }\n',
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as impatient:
        if name in LATE:
            impatient.setattr("buildlight.feeds.http.client.LONGEST", 1.0)
        assert main(["check", "--config", str(file)]) == 1
    (sentence,) = re.findall(r"^ci: (.+)  <https?://", capsys.readouterr().out, re.MULTILINE)
    return str(sentence).replace("after 1 s", f"after {DEADLINE:.0f} s")


OF_ALL_FEEDS = {"more than 400000 projects in all feeds together"}
"""What no single feed can bring about; tests/daemon/test_monitor.py does."""


def test_every_failure_has_a_row_of_its_own_and_every_row_a_failure(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `check` says is found in the manual, once, and the manual lists nothing else."""
    sentences = {name: told(name, stage, tmp_path, capsys) for name in FAILURES}

    found = {name: matching(sentence) for name, sentence in sentences.items()}
    assert {name: sentences[name] for name, row in found.items() if len(row) != 1} == {}
    assert {row for row, *_ in found.values()} == {*rows()} - OF_ALL_FEEDS
    assert found["500"] == found["503"]
    assert len({sentences[name] for name in FAILURES}) == len(FAILURES)
    assert len({row for row, *_ in found.values()}) == len(FAILURES) - 1


def test_the_rows_are_told_apart() -> None:
    """No two rows of the manual have the same sentence or the same beginning of one."""
    beginnings = sorted(row.split("…")[0] for row in rows() if row.split("…")[0])

    assert len(rows()) == len({*rows()})
    assert [(a, b) for a, b in pairwise(beginnings) if a == b] == []


@pytest.mark.parametrize("name", FAILURES)
def test_every_sentence_is_short_and_one_line(
    stage: Stage, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fits a terminal and a status page, repeats no token, and is no traceback."""
    sentence = told(name, stage, tmp_path, capsys)

    assert len(sentence) < 200
    assert sentence.isprintable()
    assert TOKEN not in sentence
    assert "Error" not in sentence.replace("500 Internal Server Error", "")


def test_a_wrong_clock_is_told_with_its_date(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person sees at a glance that the machine lives in another year."""
    before = datetime.now(tz=UTC)

    sentence = told("certificate of tomorrow", stage, tmp_path, capsys)

    days = {f"{day:%Y-%m-%d}" for day in (before, datetime.now(tz=UTC))}
    assert sentence.rpartition(" ")[2] in days


# In the log.


def test_a_failure_is_logged_once_per_change(caplog: pytest.LogCaptureFixture) -> None:
    """An hour of 503 is one line, another failure one more, and the end of it one more."""
    server = Server(a_project(last_build_status="Success"))
    caplog.set_level(logging.INFO)

    async def story(world: World) -> None:
        for answer in (503, 401, [a_project(last_build_status="Success")], 503):
            server.answer = answer
            await world.wait(900)

    World(lamp={"patterns": {"stale": "amber"}}, ci=server).run(story)

    lines = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert len(server.asked) > 30
    assert [line for line in lines if line[1].startswith("ci: ")] == [
        ("WARNING", "ci: 503 Service Unavailable: the server failed; see its log"),
        ("WARNING", "ci: 401 Unauthorized: the server requires authentication; set auth"),
        ("INFO", "ci: answers again"),
        ("WARNING", "ci: 503 Service Unavailable: the server failed; see its log"),
    ]


# Verification that somebody switched off.


def unverified(url: str, folder: Path) -> str:
    """Return the path of a configuration of a feed that trusts anybody and of one that does not."""
    file = folder / "buildlight.toml"
    file.write_text(
        f'[[feeds]]\nname = "careless"\nurl = "{url}"\nverify = false\n'
        f'[[feeds]]\nname = "careful"\nurl = "{url}"\n'
        '[[lamps]]\ndriver = "gpio"\npins = { red = 17, green = 22 }\n',
        encoding="utf-8",
    )
    return str(file)


WARNING = "careless: verify = false: the certificate is not checked; this is insecure"


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_check_warns_of_a_feed_that_trusts_anybody(
    stage: Stage, tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`verify = false` is said at every check, for the feed that has it and for no other."""
    file = unverified(stage.stranger(), tmp_path)

    main(["check", *options, "--config", file])

    streams = capsys.readouterr()
    said = streams.err if options else streams.out
    assert said.count(WARNING) == 1
    assert "careful: verify" not in said
    if not options:
        assert "careless: 1 project" in said
        assert "careful: the certificate is not trusted" in said


def test_the_daemon_warns_at_start_of_a_feed_that_trusts_anybody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Loudly, that is in the log at every start; once, not at every poll."""
    passing = a_project(last_build_status="Success")
    world = World(
        feeds={"careless": {"verify": False}}, careless=Server(passing), careful=Server(passing)
    )

    async def story(world: World) -> None:
        await world.wait(600)

    world.run(story)

    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert warnings == [WARNING]
