"""No secret is told: everything that a whole run prints, through every kind of failure.

The server repeats all that it is asked, in every place where a server can say anything.
"""

import base64
import html
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, unquote_plus
from xml.sax.saxutils import quoteattr

import pytest

from buildlight.cli import main
from support.servers import FEED, Answer, FeedServer, Mode, Request

HEAD, TAIL = "s3cret-0123", "tail-9876"
"""How every secret begins and ends: half of one is too much."""

SECRETS = {
    "basic": f"{HEAD} /+%&=é@:?# {TAIL}",
    "bearer": f"{HEAD}-bearer-{TAIL}",  # Good for the name of an element.
    "header": f"{HEAD} /+%&=@:;,\"' {TAIL}",
    "query": f"{HEAD} /+%&=é@:?# {TAIL}",
    "path": f"{HEAD} /+%&=é@:?# {TAIL}",
    "user": f"{HEAD} /+%&=é@:?# {TAIL}",  # user:password@ in the address
    "token": f"{HEAD} /+%&=é@:?# {TAIL}",  # ?token=… in the address
}


def configuration(server: FeedServer) -> str:
    """Return a configuration with a feed for every way of showing a secret."""
    written = {kind: quote(secret, safe="") for kind, secret in SECRETS.items()}
    address = {kind: server.url(f"/{kind}/cc.xml") for kind in SECRETS} | {
        "path": server.url("/path/{secret}/cc.xml"),
        "user": server.url("/user/cc.xml").replace("//", f"//lamp:{written['user']}@", 1),
        "token": server.url(f"/token/cc.xml?token={written['token']}"),
    }
    keys = {"basic": ', user = "lamp"', "header": ', name = "X-Key"', "query": ', name = "key"'}
    feeds = [
        f'[[feeds]]\nname = "{kind}"\nurl = "{url}"\n'
        + (
            ""
            if kind in ("user", "token")
            else f'auth = {{ kind = "{kind}", secret = "{kind}"{keys.get(kind, "")} }}\n'
        )
        for kind, url in address.items()
    ]
    top = "interval = 0.05\nbuilding_interval = 0.05\nmax_failures = 100\n"
    return top + "\n".join(feeds) + '\n[[lamps]]\ndriver = "console"\n'


# What the server says.


def repeated(request: Request) -> str:
    """Return everything that was asked, as it came, and in every way a server may write it."""
    parts = [request.path, unquote(request.path), *request.headers.values()]
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind == "Basic":
        parts.append(base64.b64decode(encoded).decode())
    secret = SECRETS.get(request.path.split("/")[1], "")
    raw = f"{request.path}: {secret}".encode()
    parts += [html.escape(html.escape(secret)), json.dumps(secret), json.dumps(json.dumps(secret))]
    parts += ["".join(f"&#{ord(each)};" for each in secret), base64.b64encode(raw).decode()]
    parts += [base64.urlsafe_b64encode(raw).decode().rstrip("="), raw.hex()]
    return " ".join(parts)


def asked_with(request: Request) -> str:
    """Return the secret itself."""
    return SECRETS[request.path.split("/")[1]]


def a_feed(request: Request, **attributes: str) -> bytes:
    """Return a feed whose every text repeats what was asked."""
    said = repeated(request)
    told = dict.fromkeys(("name", "lastBuildLabel", "webUrl", "category"), said)
    told |= {"activity": "Sleeping", "lastBuildStatus": "Failure", **attributes}
    written = " ".join(f"{name}={quoteattr(text)}" for name, text in told.items())
    message = f"<messages><message text={quoteattr(said)} kind={quoteattr(said)}/></messages>"
    return f"<Projects><Project {written}>{message}</Project></Projects>".encode()


def in_a_header(text: str) -> str:
    """Return *text* as a header can hold it."""
    return text.encode("latin-1", errors="replace").decode("latin-1")


def refusing(status: int) -> Callable[[Request], Answer]:
    """Return an answer with this *status* whose body and headers repeat what was asked."""

    def answer(request: Request) -> Answer:
        said = repeated(request)
        headers = {
            "WWW-Authenticate": f"Basic realm={in_a_header(said)}",
            "X-Was": in_a_header(said),
        }
        return Answer(said.encode(), status=status, headers=headers)

    return answer


def leading(location: str) -> Callable[[Request], Answer]:
    """Return a redirect; ``{raw}``, ``{once}`` and ``{twice}`` stand for the secret in it."""

    def answer(request: Request) -> Answer:
        secret = asked_with(request)
        once = quote(secret, safe="")
        written = location.format(
            raw=secret.encode("ascii", errors="ignore").decode(),
            once=once,
            twice=quote(once, safe=""),
            some=quote(secret, safe="/@:?=&+"),
            path=request.path,
            host=request.headers["host"],
        )
        return Answer(repeated(request).encode(), status=302, headers={"Location": written})

    return answer


def saying(document: str, **headers: str) -> Callable[[Request], Answer]:
    """Return a document; ``{raw}`` is the secret in it, ``{said}`` everything that was asked."""

    def answer(request: Request) -> Answer:
        raw, said = asked_with(request), repeated(request)
        filled = {name: in_a_header(text.format(raw=raw)) for name, text in headers.items()}
        body = document.format(raw=raw, said=said, escaped=html.escape(said))
        return Answer(body.encode(), headers=filled)

    return answer


def sent_as(mode: Mode) -> Callable[[Request], Answer]:
    """Return a feed that does not arrive whole."""
    return lambda request: Answer(a_feed(request), mode=mode)


ANSWERS: Mapping[str, Callable[[Request], Answer]] = {
    "a good feed": lambda request: Answer(
        a_feed(request), headers={"ETag": f'"{in_a_header(repeated(request))}"'}
    ),
    "a feed that builds": lambda request: Answer(a_feed(request, activity="Building")),
    "odd words": lambda request: Answer(
        a_feed(request, activity=repeated(request), lastBuildStatus=repeated(request))
    ),
    "an ETag": lambda request: Answer(FEED, headers={"ETag": f'"{quote(asked_with(request))}"'}),
    "204": refusing(204),
    "304": lambda _request: Answer(b"", status=304),
    "400": refusing(400),
    "401": refusing(401),
    "403": refusing(403),
    "404": refusing(404),
    "407": refusing(407),
    "429": refusing(429),
    "500": refusing(500),
    "503": refusing(503),
    "a page": saying("<html><body>{escaped}</body></html>"),
    "text": saying("{said}"),
    "a root": saying("<{raw}/>"),
    "a long root": saying("<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-{raw}/>"),
    "a root of a namespace": saying("<{raw}:x xmlns:{raw}='urn:x'/>"),
    "an entity": saying("<Projects>&{raw};</Projects>"),
    "a long entity": saying(
        "<Projects>&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{raw};</Projects>"
    ),
    "an encoding of XML": saying("<?xml version='1.0' encoding='{raw}'?><Projects/>"),
    "an encoding of HTTP": saying("<Projects/>", **{"Content-Encoding": "{raw}"}),
    "a length": saying("<Projects/>", **{"Content-Length": "{raw}"}),
    "damaged": saying("{said}", **{"Content-Encoding": "gzip"}),
    "cut short": lambda request: Answer(a_feed(request)[:-20]),
    "hanging": sent_as(Mode.HANG),
    "dripping": sent_as(Mode.DRIP),
    "broken off": sent_as(Mode.CUT),
    "reset": sent_as(Mode.RESET),
    "moved here": leading("/elsewhere?was={once}"),
    "moved here, partly encoded": leading("/elsewhere?was={some}"),
    "moved there": leading("http://localhost:{{port}}/elsewhere"),
    "moved there with it": leading("http://localhost:{{port}}/elsewhere?was={once}"),
    "moved there with it, as a parameter": leading("http://localhost:{{port}}/?next={twice}"),
    "moved there, partly encoded": leading("http://localhost:{{port}}/{some}"),
    "moved to its name": leading("http://{once}.invalid/"),
    "moved to a scheme": leading("ftp://{once}/"),
    "moved to no scheme": leading("mailto:{once}"),
    "moved to a port": leading("http://127.0.0.1:{once}/"),
    "moved to no port": leading("http://127.0.0.1:99999/{once}"),
    "moved as it is": leading("http://localhost:{{port}}/ {raw}"),
    "moved in a circle": leading("{path}"),
    "a good feed again": lambda request: Answer(a_feed(request)),
}


class Parrot(FeedServer):
    """Repeats what it is asked; each feed gets the answers one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.only: str | None = None
        self.given = dict.fromkeys(SECRETS, 0)
        self.respond = self._respond

    def _respond(self, request: Request) -> Answer:
        kind = request.path.split("/")[1].partition("?")[0]
        if kind not in SECRETS:
            return Answer(f"<html>{html.escape(repeated(request))}</html>".encode())
        name = self.only or [*ANSWERS][self.given[kind] % len(ANSWERS)]
        # A circle's other turns are the same answer.
        looping = name == "moved in a circle" and self._turns(kind) % 6
        self.given[kind] += not looping
        answer = ANSWERS[name](request)
        location = answer.headers.get("Location", "").replace("{port}", str(self.port))
        return (
            Answer(answer.body, status=answer.status, headers={"Location": location})
            if location
            else answer
        )

    def _turns(self, kind: str) -> int:
        self._circles[kind] = self._circles.get(kind, 0) + 1
        return self._circles[kind]

    _circles: dict[str, int]


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    """A server that repeats everything."""
    with Parrot() as running:
        running._circles = {}
        yield running


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret in the environment, and no proxy for 127.0.0.1."""
    for kind, secret in SECRETS.items():
        monkeypatch.setenv(f"BUILDLIGHT_SECRET_{kind.upper()}", secret)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of a second is the deadline."""
    monkeypatch.setattr("buildlight.feeds.http.client.LONGEST", 0.3)


# What must not be found.


def in_base64(part: str) -> set[str]:
    """Return what every text with *part* in it has in common once it is in base64.

    Three letters become four; what stands at the edges depends on the neighbours.
    """
    return {
        base64.b64encode(b" " * shift + part.encode()).decode()[4 if shift else 0 : -4]
        for shift in range(3)
    }


PARTS = {HEAD, TAIL, HEAD[:8], TAIL[-7:]} | in_base64(HEAD) | in_base64(TAIL)
PARTS |= {HEAD.encode().hex(), TAIL.encode().hex()}


def leaks(text: str) -> list[str]:
    """Return the lines of *text* that hold a part of a secret in any form."""
    return [line for line in text.splitlines() if any(_in(part, line) for part in PARTS)]


def _in(part: str, line: str) -> bool:
    forms = [line, html.unescape(line)]
    for _ in range(3):
        forms += [unquote(forms[-1]), unquote_plus(forms[-1])]
    return any(part.lower() in form.lower() for form in forms)


def test_the_search_finds_a_secret_in_every_form() -> None:
    """A search that finds nothing anywhere would prove nothing."""
    secret = SECRETS["basic"]
    encoded = base64.b64encode(f"lamp:{secret}".encode()).decode()
    forms = [
        *(secret, secret.upper(), quote(secret), quote(quote(secret)), html.escape(secret)),
        *(encoded, quote(encoded), secret[:12], secret[-9:]),
    ]

    assert [form for form in forms if not leaks(f"a {form} b")] == []
    assert leaks("nothing of the kind: ***") == []


# The run.

RUN = """
import logging, sys
from pathlib import Path
from buildlight.daemon import daemon
from buildlight.config import settings
from buildlight.feeds.http import client

client.LONGEST = 3.0
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
for name in [*logging.root.manager.loggerDict]:
    logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger(name).disabled = False
daemon.run(lambda: settings.load_settings(Path(sys.argv[1])))
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.usefixtures("secrets")
def test_a_whole_run_tells_no_secret_to_anybody(parrot: Parrot, tmp_path: Path) -> None:
    """Not at debug level of every library, not in its state, not where `ps` would show it."""
    file = tmp_path / "buildlight.toml"
    file.write_text(configuration(parrot), encoding="utf-8")
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", RUN, file], stdout=output, stderr=output
        )
    seen = set()
    try:
        end = time.monotonic() + 100
        while min(parrot.given.values()) <= len(ANSWERS):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, (parrot.given, log.read_text()[-3000:])
            seen.add(Path(f"/proc/{process.pid}/cmdline").read_text())
            seen.add(Path(f"/proc/{process.pid}/comm").read_text())
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)
    finally:
        process.kill()
        process.wait()
    kept = "".join(each.read_text() for each in (tmp_path / "state").rglob("*") if each.is_file())
    said = log.read_text()

    assert status == 0
    assert {kind for kind in SECRETS for each in parrot.requests if carries(each, kind)} == {
        *SECRETS
    }
    assert leaks("\n".join(seen)) == []
    assert leaks(said) == []
    assert leaks(kept) == []
    # It was a run, in which everything happened.
    assert kept.count("***") >= len(SECRETS)
    assert [sentence for sentence in SAID if sentence not in said] == []
    assert "reader failed" not in said
    assert "DEBUG:asyncio:" in said


def carries(request: Request, kind: str) -> bool:
    """Return whether *request* is one of the feed *kind*, with its secret in it."""
    return request.path.startswith(f"/{kind}/") and HEAD in unquote(repeated(request))


SAID = (
    "401 Unauthorized",
    "500 Internal Server Error",
    "web page",
    "not XML",
    "the root is <***>",
    "the root is something else",
    "not well-formed",
    "cut short",
    ": no answer; ",
    "the answer is incomplete",
    "the connection closed",
    "does not decompress",
    "unknown Content-Encoding",
    "redirected to localhost",
    "with the secret",
    "neither http nor https",
    "an invalid address",
    "does not know the word",
    "answers again",
)


@pytest.mark.usefixtures("secrets", "hurry")
@pytest.mark.parametrize("name", ANSWERS)
def test_no_check_tells_a_secret(
    parrot: Parrot,
    name: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither for a person nor for a program, whatever the server does with what it was asked."""
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "buildlight.toml"
    file.write_text(configuration(parrot), encoding="utf-8")
    parrot.only = name

    for options in ([], ["--json"]):
        main(["check", *options, "--config", str(file)])

    said = "".join(capfd.readouterr())
    assert said.count("token=***") >= 2
    assert leaks(said) == []
    assert leaks(caplog.text) == []


@pytest.mark.usefixtures("secrets")
def test_no_mistake_in_the_configuration_tells_a_secret(
    parrot: Parrot, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A secret is told neither where it is named nor where it was written by mistake."""
    text = configuration(parrot).replace('driver = "console"', 'driver = "none"')
    text = text.replace('secret = "bearer"', f'secret = "{SECRETS["bearer"]}"')
    text = text.replace("/basic/cc.xml", "/basic/{secret}/cc.xml").replace(', name = "X-Key"', "")
    file = tmp_path / "buildlight.toml"
    file.write_text(text, encoding="utf-8")

    assert main(["check", "--config", str(file)]) == 78

    said = "".join(capfd.readouterr())
    assert said.count("buildlight: ") == 4
    assert leaks(said) == []
    assert os.fspath(file) in said
