"""Finding a feed: what is tried, what is told, and that no secret is."""

import os
import signal
import ssl
import subprocess
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme

from buildlight.cli import main
from buildlight.config.settings import check_settings
from buildlight.errors import FeedError
from buildlight.feeds.discovery.candidates import (
    KNOWN,
    KNOWN_OF_A_REPOSITORY,
    TOKEN_NAMES,
    candidates,
)
from buildlight.feeds.discovery.fingerprints import identify
from buildlight.feeds.discovery.lint import MANY, lint, quoted
from buildlight.feeds.settings import FeedSettings
from buildlight.projects.project import Project
from support.corpus import DOCUMENTS, document, projects
from support.examples import NOON, a_project
from support.servers import FEED, HANGS, RESETS, Answer, FeedServer, Request, redirect
from support.terminal import BUILDLIGHT, PATIENCE, Talk

SECRET = "s3cret/to ken+42"
LAMP = '\n[[lamps]]\ndriver = "console"\n'
GONE = Answer(b"", status=404)
LOGIN = Answer(b"<!DOCTYPE html><html><body>Log in</body></html>")
EMPTY = Answer(b"<Projects/>")
WIDER = Answer(FEED.replace(b"</Projects>", b'<Project name="secret shop"/></Projects>'))


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, and no secrets of whoever runs the tests."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path / "system")
    for name in [name for name in os.environ if name.upper().startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that has no page, until it is told otherwise."""
    with FeedServer(GONE) as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    """A file with the secret, as an editor leaves it."""
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    return str(file)


Hears = Callable[[], tuple[str, str]]


@pytest.fixture
def heard(capsys: pytest.CaptureFixture[str]) -> Hears:
    """What was told on standard output and error; the secret must be in neither."""

    def hear() -> tuple[str, str]:
        told, complaints = capsys.readouterr()
        for form in (SECRET, "s3cret", "ken+42", encoded("lamp")):
            assert form not in told + complaints
        return told, complaints

    return hear


def encoded(user: str) -> str:
    """Return what Basic makes of *user* and the secret."""
    return b64encode(f"{user}:{SECRET}".encode()).decode()


def asked(server: FeedServer) -> list[str]:
    """Return the paths that *server* was asked for."""
    return [request.path for request in server.requests]


def table(told: str) -> dict[str, Any]:
    """Return the one table of feeds that was told."""
    (feed,) = tomllib.loads(told)["feeds"]
    assert isinstance(feed, dict)
    return feed


def feed_of(told: str) -> FeedSettings:
    """Return the settings that the told table makes, together with a lamp."""
    (feed,) = check_settings(tomllib.loads(told + LAMP)).feeds
    return feed


def answers(server: FeedServer, pages: Mapping[str, Callable[[Request], Answer]]) -> None:
    """Make *server* answer for each path of *pages* as its function says."""

    def respond(request: Request) -> Answer:
        page = pages.get(request.path)
        return page(request) if page else server.answer

    server.respond = respond


def only_for(allowed: Callable[[Request], bool], otherwise: Answer) -> Callable[[Request], Answer]:
    """Return answers of a server that shows its feed to some."""
    return lambda request: Answer() if allowed(request) else otherwise


# Where a feed is.


@pytest.mark.parametrize("known", KNOWN)
def test_a_feed_is_found_at_each_known_place(server: FeedServer, heard: Hears, known: str) -> None:
    """From the address of the server, or of a part of it."""
    server.answers[f"/ci/{known}"] = Answer()

    status = main(["discover", server.url("/ci/")])

    told, complaints = heard()
    assert (status, complaints) == (0, "")
    assert table(told) == {"name": "127.0.0.1", "url": server.url(f"/ci/{known}")}
    assert asked(server)[0] == "/ci/"
    assert asked(server)[-1] == f"/ci/{known}"


@pytest.mark.parametrize("known", KNOWN_OF_A_REPOSITORY)
def test_a_feed_of_a_repository_is_found(server: FeedServer, heard: Hears, known: str) -> None:
    """From the address of its page."""
    path = known.replace("{}", "/acme/shop")
    server.answers[path] = Answer()

    assert main(["discover", server.url("/acme/shop")]) == 0
    assert table(heard()[0])["url"] == server.url(path)


def test_the_address_that_was_given_is_tried_first(server: FeedServer) -> None:
    """What is a feed needs no search."""
    server.answer = Answer()

    assert main(["discover", server.url("/feeds/1")]) == 0
    assert asked(server) == ["/feeds/1"]


@pytest.mark.parametrize("path", ["/cc.xml", "/cc.xml/", "/x/XmlStatusReport.ASPX"])
def test_the_address_of_a_document_is_tried_alone(server: FeedServer, path: str) -> None:
    """Whoever names a document means it."""
    assert main(["discover", server.url(path)]) == 1
    assert asked(server) == [path]


def test_the_query_goes_along() -> None:
    """It may choose a branch; what is behind # is for browsers."""
    assert "https://ci.example/view/cc.xml?recursive" in candidates(
        "https://ci.example/view?recursive"
    )


def test_a_redirect_is_followed(server: FeedServer, heard: Hears) -> None:
    """Jenkins sends /cc.xml to /cc.xml/."""
    server.answers |= {"/cc.xml": redirect("/cc.xml/"), "/cc.xml/": Answer()}

    assert main(["discover", server.url("")]) == 0
    assert table(heard()[0])["url"] == server.url("/cc.xml")


def test_nothing_found_is_told_in_few_lines(server: FeedServer, heard: Hears) -> None:
    """The same answer is told once; exit 1."""
    server.answers["/cctray.xml"] = Answer(status=500)

    status = main(["discover", server.url("")])

    told, complaints = heard()
    assert (status, told) == (1, "")
    more, other = f"{server.url('')} and {len(KNOWN) - 1} more", server.url("/cctray.xml")
    assert complaints.splitlines() == [
        "buildlight: no feed with projects was found",
        f"buildlight: {more}: 404 Not Found: check the address",
        f"buildlight: {other}: 500 Internal Server Error: the server failed; see its log",
    ]


def test_an_empty_feed_is_second_best(server: FeedServer, heard: Hears) -> None:
    """The search goes on; if there is nothing better, its table is told, and exit 1."""
    server.answers["/cc.xml"] = EMPTY

    status = main(["discover", server.url("")])

    told, complaints = heard()
    assert status == 1
    assert feed_of(told).options.shown == server.url("/cc.xml")
    assert "# The feed has no projects" in told
    assert f"{server.url('/cc.xml')}: a feed, but it holds no project" in complaints
    assert len(server.requests) > len(KNOWN)


def test_a_feed_with_projects_wins_over_an_empty_one(server: FeedServer, heard: Hears) -> None:
    """Wherever it is."""
    server.answers |= {"/cc.xml": EMPTY, "/ccmenu.xml": Answer()}

    assert main(["discover", server.url("")]) == 0
    assert table(heard()[0])["url"] == server.url("/ccmenu.xml")


# Politeness.


def test_a_server_that_is_not_there_is_asked_once(heard: Hears) -> None:
    """One line, exit 1."""
    status = main(["discover", "http://127.0.0.1:9"])

    _, answer = heard()[1].splitlines()
    assert status == 1
    assert answer.startswith("buildlight: http://127.0.0.1:9: connection refused; ")


@pytest.mark.parametrize("answer", [RESETS, Answer(status=429)], ids=["resets", "too often"])
def test_a_server_that_wants_peace_gets_it(server: FeedServer, answer: Answer) -> None:
    """Nothing is tried again."""
    server.answer = answer

    assert main(["discover", server.url("")]) == 1
    assert len(server.requests) == 1


def test_one_dead_path_does_not_end_the_search(server: FeedServer) -> None:
    """A server that answered is well; a page of it need not be."""
    server.answers |= {"/cc.xml": RESETS, "/dashboard/cctray.xml": Answer()}

    assert main(["discover", server.url("")]) == 0


def test_a_server_that_dies_is_left_alone(server: FeedServer) -> None:
    """Two dead answers in a row are enough."""
    server.answers["/"] = GONE
    server.answer = RESETS

    assert main(["discover", server.url("/")]) == 1
    assert asked(server) == ["/", "/cc.xml", "/cctray.xml"]


def test_a_wrong_password_is_sent_once(server: FeedServer, token_file: str, heard: Hears) -> None:
    """Again and again, it would lock the account."""
    server.answer = Answer(status=401)

    status = main(["discover", server.url(""), "--user", "lamp", "--token-file", token_file])

    assert status == 1
    assert sum("authorization" in request.headers for request in server.requests) == 1
    assert "as lamp: 401 Unauthorized: the server rejected the user or password" in heard()[1]


def test_only_what_was_refused_is_tried_with_a_token(server: FeedServer, token_file: str) -> None:
    """What is not there needs no token."""
    server.answers["/go/cctray.xml"] = Answer(status=403)

    assert main(["discover", server.url("/"), "--token-file", token_file]) == 1

    queries = [f"/go/cctray.xml?{name}=s3cret%2Fto%20ken%2B42" for name in TOKEN_NAMES]
    assert asked(server)[len(KNOWN) + 1 :] == ["/go/cctray.xml", *queries]


# Being let in.


def by_basic(request: Request) -> bool:
    """Tell whether the right user asks."""
    return request.headers.get("authorization") == f"Basic {encoded('lamp')}"


def by_bearer(request: Request) -> bool:
    """Tell whether the token is in the header."""
    return request.headers.get("authorization") == f"Bearer {SECRET}"


def by_query(request: Request) -> bool:
    """Tell whether the token is in the query."""
    return "=s3cret%2Fto%20ken%2B42" in request.path


Way = tuple[str, Callable[[Request], bool], dict[str, str]]
WAYS_IN: list[Way] = [
    ("/cc.xml", by_basic, {"kind": "basic", "user": "lamp"}),
    ("/cc.xml", by_bearer, {"kind": "bearer"}),
    *(
        (f"/cc.xml?{name}=s3cret%2Fto%20ken%2B42", by_query, {"kind": "query", "name": name})
        for name in TOKEN_NAMES
    ),
]


@pytest.mark.parametrize(
    "refusal",
    [Answer(status=401), Answer(status=403), LOGIN, EMPTY,
     Answer(document("woodpecker/token-missing")), Answer(b"<access-denied/>"), GONE],
    ids=["401", "403", "login page", "empty", "placeholder", "access-denied", "404"],
)  # fmt: skip
@pytest.mark.parametrize("way", WAYS_IN, ids=lambda way: "-".join(way[2].values()))
def test_each_way_in_is_found(
    server: FeedServer, token_file: str, heard: Hears, way: Way, refusal: Answer
) -> None:
    """Whatever the server says to strangers; the table has the way in, and not the secret."""
    path, allowed, auth = way
    answers(server, dict.fromkeys(("/cc.xml", path), only_for(allowed, refusal)))
    user = ["--user", "lamp"] if "user" in auth else []

    status = main(["discover", server.url(""), "--token-file", token_file, *user])

    told, complaints = heard()
    assert (status, complaints) == (0, "")
    assert table(told) == {
        "name": "127.0.0.1",
        "url": server.url("/cc.xml"),
        "auth": {**auth, "secret": "127.0.0.1"},
    }


def test_a_secret_in_the_path_is_put_there(
    server: FeedServer, token_file: str, heard: Hears
) -> None:
    """Solano's addresses hold it."""
    server.answers["/cc/s3cret%2Fto%20ken%2B42/cctray.xml"] = Answer()

    status = main(["discover", server.url("/cc/{secret}"), "--token-file", token_file])

    told, _ = heard()
    assert status == 0
    assert table(told)["url"] == server.url("/cc/{secret}/cctray.xml")
    assert table(told)["auth"] == {"kind": "path", "secret": "127.0.0.1"}


def test_a_parameter_may_have_any_name(server: FeedServer, token_file: str, heard: Hears) -> None:
    """Where it is said to be; nothing is asked without it."""
    server.answers["/x?key=s3cret%2Fto%20ken%2B42&view=all"] = Answer()

    status = main(["discover", server.url("/x?view=all&key={secret}"), "--token-file", token_file])

    told, _ = heard()
    assert status == 0
    assert len(server.requests) == 1
    assert table(told)["url"] == server.url("/x?view=all")
    assert table(told)["auth"] == {"kind": "query", "name": "key", "secret": "127.0.0.1"}


def test_without_its_secret_such_an_address_is_not_tried(server: FeedServer, heard: Hears) -> None:
    """It would be another address."""
    assert main(["discover", server.url("/cc/{secret}/cctray.xml")]) == 1
    assert server.requests == []
    assert "--token-file FILE" in heard()[1]


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [(WIDER, "# Without the secret the server shows only 1 project."),
     (Answer(), "# No secret is needed: with it, the server shows the same projects.")],
)  # fmt: skip
def test_a_secret_that_was_given_has_to_show_more(
    server: FeedServer, token_file: str, heard: Hears, seen: Answer, sentence: str
) -> None:
    """Jenkins shows strangers a part of what is there."""
    answers(server, {"/cc.xml": lambda request: seen if by_basic(request) else Answer()})

    status = main(["discover", server.url("/"), "--user", "lamp", "--token-file", token_file])

    told, _ = heard()
    assert status == 0
    assert sentence in told
    assert ("auth" in table(told)) is (seen is WIDER)


def test_a_login_page_is_named(server: FeedServer, heard: Hears) -> None:
    """A 200 proves nothing; what to do is told."""
    server.answer = LOGIN

    assert main(["discover", server.url("/cc.xml")]) == 1

    complaints = heard()[1]
    assert "html: the server sent a web page, perhaps a login page" in complaints
    assert "--token-file FILE" in complaints
    assert "--user NAME" in complaints


def test_a_missing_token_is_named(server: FeedServer, heard: Hears) -> None:
    """Woodpecker calls it a project."""
    server.answer = Answer(document("woodpecker/token-missing"))

    assert main(["discover", server.url("/cc.xml")]) == 1
    assert "the server says: repo does not exist or token missing" in heard()[1]


# https, and http.


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this machine trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


def a_certificate(authority: trustme.CA) -> ssl.SSLContext:
    """Return what makes a server one that *authority* vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_https_is_tried_first(authority: trustme.CA, heard: Hears) -> None:
    """Without a scheme."""
    with FeedServer(tls=a_certificate(authority)) as server:
        status = main(["discover", f"127.0.0.1:{server.port}/cc.xml"])

        assert status == 0
        assert table(heard()[0])["url"] == server.url()


def test_http_is_tried_where_nobody_speaks_https(server: FeedServer, heard: Hears) -> None:
    """An old server in the office."""
    server.answers["/cc.xml"] = Answer()

    assert main(["discover", f"127.0.0.1:{server.port}"]) == 0
    assert table(heard()[0])["url"] == server.url()


@pytest.mark.parametrize("options", [[], ["--user", "lamp"]], ids=["token", "user"])
def test_no_secret_goes_over_http_by_itself(
    server: FeedServer, token_file: str, heard: Hears, options: Sequence[str]
) -> None:
    """Only where the person wrote http://."""
    server.answer = Answer(status=401)

    status = main(["discover", f"127.0.0.1:{server.port}", "--token-file", token_file, *options])

    assert status == 1
    assert server.requests
    assert not any("authorization" in request.headers for request in server.requests)
    assert not any("s3cret" in path for path in asked(server))
    assert "buildlight sends none" in heard()[1]


def test_a_secret_over_http_is_remarked(server: FeedServer, token_file: str, heard: Hears) -> None:
    """Where the person wrote http://, it is sent."""
    answers(server, {"/cc.xml": only_for(by_bearer, Answer(status=401))})

    assert main(["discover", server.url(), "--token-file", token_file]) == 0
    assert "The secret is sent over http, unencrypted" in heard()[0]


@pytest.mark.parametrize("scheme", ["https://", ""])
def test_an_untrusted_certificate_ends_the_search(
    authority: trustme.CA, token_file: str, heard: Hears, scheme: str
) -> None:
    """Nothing is sent to whoever that is, and http is no way round."""
    with FeedServer(tls=a_certificate(trustme.CA())) as server:
        address = f"{scheme}127.0.0.1:{server.port}"
        status = main(["discover", address, "--token-file", token_file])

        complaints = heard()[1].splitlines()
        assert status == 1
        assert server.requests == []
        assert len(complaints) == 2
        assert "the certificate is not trusted" in complaints[1]


# Arguments.


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ftp://ci.example"], "URL: is not an address; write it as https://ci.example/cc.xml"),
        (["https://"], "URL: is not an address; write it as https://ci.example/cc.xml"),
        (["ci example"], "URL: contains a space; write %20 instead"),
        (["https://lamp:s3cret@ci.example"], "URL: holds a user; leave it out, and use --user"),
        (["https://ci.example/?circle-token=s3cret"], "URL: holds what looks like a secret"),
        (["ci.example/cc.xml?0123456789abcdef"], "URL: holds what looks like a secret"),
        (["ci.example/{secret}", "--user", "lamp", "--token-file", "FILE"], "do not go together"),
        (["ci.example", "--user", "a:b", "--token-file", "FILE"], "--user: is not a user name"),
        (["ci.example", "--user", "lamp"], "--user: there is no terminal to ask for the password"),
        (["ci.example", "--token-file", "s3cret"], "--token-file: the file does not exist"),
        (["ci.example", "--token", "s3cret"], "--token-file: the file does not exist"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_used_are_explained(
    token_file: str, heard: Hears, arguments: Sequence[str], sentence: str
) -> None:
    """In a sentence that does not repeat a secret, and with 78; nobody is asked anything."""
    given = [token_file if argument == "FILE" else argument for argument in arguments]

    status = main(["discover", *given])

    assert status == 78
    assert sentence in heard()[1]


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff"])
def test_a_file_without_a_secret_is_told(tmp_path: Path, heard: Hears, content: bytes) -> None:
    """Before anything is tried."""
    file = tmp_path / "token"
    file.write_bytes(content)

    assert main(["discover", "ci.example", "--token-file", str(file)]) == 78
    assert heard()[1].startswith("buildlight: --token-file: ")


def test_a_token_has_to_be_ascii(tmp_path: Path, server: FeedServer, heard: Hears) -> None:
    """A header holds nothing else."""
    file = tmp_path / "token"
    file.write_text("geheim№", encoding="utf-8")

    assert main(["discover", server.url(), "--token-file", str(file)]) == 78
    assert server.requests == []
    assert "needs a secret in ASCII" in heard()[1]


def test_a_secret_comes_through_standard_input(server: FeedServer) -> None:
    """As a password manager gives it; nothing else is told than without."""
    answers(server, {"/cc.xml": only_for(by_bearer, Answer(status=401))})

    process = subprocess.run(
        [BUILDLIGHT, "discover", server.url(), "--token-file", "-"],
        input=f"{SECRET}\n",
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )

    assert (process.returncode, process.stderr) == (0, "")
    assert 'kind = "bearer"' in process.stdout
    assert "s3cret" not in process.stdout


# Secrets.


def an_echo(request: Request) -> Answer:
    """Answer with all that was asked, as an unkind server does."""
    said = "|".join((request.path, request.headers.get("authorization", "")))
    known = "authorization" in request.headers or "=" in request.path
    project = f'<Project name="{said}" lastBuildStatus="{said}" activity="{said}" webUrl="{said}"/>'
    return Answer(f"<Projects>{project if known else ''}</Projects>".encode())


@pytest.mark.parametrize("user", [[], ["--user", "lamp"]], ids=["token", "user"])
def test_an_echoed_secret_is_not_told(
    server: FeedServer, token_file: str, heard: Hears, user: Sequence[str]
) -> None:
    """Not even as the name of a project."""
    answers(server, {"/cc.xml": an_echo})

    assert main(["discover", server.url(), "--token-file", token_file, *user]) == 0
    assert "***" in heard()[0]


@pytest.mark.parametrize(
    "answer",
    [Answer(status=401), Answer(f"<{SECRET[:6]}/>".encode()), LOGIN, RESETS,
     redirect("http://127.0.0.1:9/?token=s3cret%2Fto%20ken%2B42")],
    ids=["401", "root", "html", "reset", "redirect"],
)  # fmt: skip
def test_no_failure_tells_the_secret(
    server: FeedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Answer
) -> None:
    """Whatever the server does."""
    file = tmp_path / "token"
    file.write_text("s3cret", encoding="utf-8")
    refusal = Answer(status=401)
    answers(
        server,
        {"/cc.xml": lambda asked: answer if "authorization" in asked.headers else refusal},
    )

    assert main(["discover", server.url(), "--token-file", str(file)]) == 1

    told, complaints = capsys.readouterr()
    assert "s3cret" not in told + complaints


# On a terminal.


def test_a_person_is_asked_for_the_password(server: FeedServer) -> None:
    """With --user; what is typed does not show, what is tried does."""
    answers(server, {"/cc.xml": only_for(by_basic, Answer(status=403))})
    talk = Talk("discover", server.url(), "--user", "lamp")

    talk.answer("Password or API token of lamp (not shown; empty: go on without): ", SECRET)

    assert talk.close() == 0
    assert f"trying {server.url()}\n" in talk.said
    assert f"trying {server.url()} as lamp\n" in talk.said
    assert 'user = "lamp"' in talk.said
    assert "s3cret" not in talk.said


def test_a_person_is_asked_for_a_token_if_it_is_needed(server: FeedServer) -> None:
    """Only when the server refused."""
    answers(server, {"/cc.xml": only_for(by_bearer, Answer(status=401))})
    talk = Talk("discover", server.url())

    talk.answer("The server asks for a secret. Token (not shown; empty: go on without): ", SECRET)

    assert talk.close() == 0
    assert 'kind = "bearer"' in talk.said
    assert "s3cret" not in talk.said


def test_ctrl_c_at_the_question_ends_it(server: FeedServer) -> None:
    """At the first time, and quietly."""
    server.answers["/cc.xml"] = Answer(status=401)
    talk = Talk("discover", server.url())

    while "go on without): " not in talk.said:
        assert talk._listen()
    talk._process.send_signal(signal.SIGINT)

    assert talk.close() == 130
    assert "Traceback" not in talk.said


def test_a_person_may_have_no_token(server: FeedServer) -> None:
    """Then what was found is told, and what might help."""
    server.answers["/cc.xml"] = Answer(status=401)
    talk = Talk("discover", server.url())

    talk.answer("go on without): ", "")

    assert talk.close() == 1
    assert len(server.requests) == 1
    assert "give a token with --token-file FILE" in talk.said


def test_a_person_is_not_asked_for_what_is_not_needed(server: FeedServer) -> None:
    """A public feed."""
    server.answers["/cc.xml"] = Answer()

    with closing(Talk("discover", server.url())) as talk:
        pass

    assert "secret" not in talk.said


# What is told of a feed.


def test_the_table_works_as_it_is_pasted(
    server: FeedServer, token_file: str, tmp_path: Path, heard: Hears
) -> None:
    """With a lamp below it, and the secret where it is said to belong."""
    answers(server, {"/cc.xml": only_for(by_bearer, Answer(status=401))})
    assert main(["discover", server.url(), "--token-file", token_file]) == 0
    told, _ = heard()
    file = tmp_path / "buildlight.toml"
    file.write_text(told + LAMP, encoding="utf-8")
    secrets = tmp_path / "config" / "buildlight" / "secrets"
    secrets.mkdir(parents=True)
    assert f"into {secrets}/127.0.0.1 (readable" in " ".join(told.replace("\n#", "").split())
    (secrets / "127.0.0.1").write_text(SECRET, encoding="utf-8")

    status = main(["check", "--config", str(file)])

    assert status == 0
    assert "lamp would show: green" in heard()[0]


STRANGE = [
    Project('a "quoted" \\ name\x1b[2J :: one', "Sleeping", "Flaky \x07\U0001f600"),
    Project('a "quoted" \\ name\x1b[2J :: two', "Sleeping", "x" * 1000),
    Project("re:(", "Sleeping", "Unknown"),
    Project("[*?", "Sleeping"),
    Project("", "Sleeping", "Success", "1", datetime(1, 1, 1)),  # noqa: DTZ001
    Project("", "Sleeping", "Success", "1", NOON - timedelta(days=800)),
]


def test_all_suggestions_may_be_taken() -> None:
    """Whatever the server says, each line is TOML that the configuration accepts."""
    lines = [warning.line for warning in lint(STRANGE, NOON) if warning.line]
    text = "\n".join(['[[feeds]]\nurl = "https://ci.example/cc.xml"', *lines])

    feed = feed_of(text)

    names = {project.name for project in STRANGE}
    assert len(lines) == 4
    assert text.isprintable() or all(line.isprintable() for line in text.splitlines())
    assert feed.rules.roll_up
    assert feed.selection.of(names) == names - {"re:(", "[*?"}
    assert "flaky \x07\U0001f600" in feed.rules.words


def test_any_text_can_be_quoted() -> None:
    """As TOML reads it back, and as no terminal obeys it."""
    text = "".join(map(chr, [*range(0x300), 0x2028, 0xFEFF, 0x1F600]))

    written = quoted(text)

    assert written.isprintable()
    assert tomllib.loads(f"text = {written}")["text"] == text


OLD = NOON - timedelta(days=400)
ODD = [
    ([], "The feed has no projects", None),
    ([a_project(f"shop-{number}", last_build_status="Success") for number in range(MANY + 1)],
     "101 projects are many for one lamp", 'include = ["shop*"]'),
    ([a_project("shop", last_build_status="Failure"), a_project("web", last_build_status="error")],
     "Every project is broken", 'include = ["shop*"]'),
    (projects("gocd/pipelines"), "look like stages of pipelines: ", 'roll_up = "pipeline"'),
    ([a_project(f"shop/{job}", last_build_status="Success", web_url="/pipelines/shop/jobs/1")
      for job in "ab"], "look like stages of pipelines: shop.", 'roll_up = "pipeline"'),
    ([a_project(last_build_status="Success", last_build_time=OLD)],
     "1 project had the last build more than a year ago: shop.", "ignore_older_than = 31536000"),
    (projects("jenkins/folders"), "never completed a build, or cannot (folders)",
     'exclude = ["shop"]'),
    ([a_project(last_build_status="Flaky"), a_project(last_build_status="Dead")],
     "Unknown words: dead, flaky.",
     'words = { "dead" = "keep", "flaky" = "keep" }'),
    (projects("gocd/no-zone"), "without a time zone", None),
    (projects("gocd/repeated-names"), "more than once", None),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "sentence", "line"), ODD, ids=[odd[1][:30] for odd in ODD])
def test_what_is_odd_is_told(seen: Sequence[Project], sentence: str, line: str | None) -> None:
    """Each in one sentence with a remedy, and the line to paste if there is one."""
    (odd,) = [odd for odd in lint(seen, NOON) if sentence in odd.sentence]

    assert odd.line == line
    assert odd.sentence.endswith(".")


EMPTY_HINT = (
    "The feed has no projects, so the lamp would never be green. Some servers show nothing without "
    "authentication: try a user or a token, or check the address."
)
MANY_HINT = (
    "101 projects are many for one lamp: include those that matter, or ask the server for a view."
)
RED_HINT = (
    "Every project is broken, and a lamp that is always red says nothing: include the projects "
    "that somebody looks after."
)
STAGES_HINT = (
    "The names look like stages of pipelines: shop. Count each pipeline once, by its worst stage."
)
DEAD_HINT = (
    "2 projects had the last build more than a year ago: a, b. With this line they stop counting "
    "after a year (in seconds)."
)
NEVER_HINT = (
    "5 projects never completed a build, or cannot (folders): 0, 1, 2 and 2 more. They make no "
    "lamp green; exclude them if they never will."
)
WORDS_HINT = (
    "Unknown words: dead. They keep the verdict; write passing or broken if that is what a word "
    "means."
)
ZONE_HINT = (
    "1 time of 2 without a time zone. The lamp does not need it; `since` will be the time at which "
    "buildlight saw the build. A newer server may send it."
)
TWICE_HINT = (
    "1 name more than once: shop. Each project counts, but include and exclude cannot tell them "
    "apart; rename them on the server if that matters."
)
GREEN = {"last_build_status": "Success"}
NAIVE = datetime(2026, 11, 20, 9, 12)  # noqa: DTZ001 - as GoCD before 18.4 sends it
HINTS: list[tuple[list[Project], str]] = [
    ([], EMPTY_HINT),
    ([a_project(f"shop-{number}", **GREEN) for number in range(101)], MANY_HINT),
    ([a_project(name, last_build_status="Failure") for name in "ab"], RED_HINT),
    ([a_project(f"shop / {job}", **GREEN) for job in "ab"], STAGES_HINT),
    ([a_project(name, last_build_time=OLD, **GREEN) for name in "ab"], DEAD_HINT),
    ([a_project(str(number), last_build_status="Unknown") for number in range(5)], NEVER_HINT),
    ([a_project(last_build_status="Dead")], WORDS_HINT),
    ([a_project("a", last_build_time=NAIVE, **GREEN),
      a_project("b", last_build_time=NOON, **GREEN)], ZONE_HINT),
    ([a_project("shop", **GREEN)] * 2, TWICE_HINT),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "sentence"), HINTS, ids=[sentence[:20] for _, sentence in HINTS])
def test_an_oddity_is_told_to_its_end(seen: Sequence[Project], sentence: str) -> None:
    """What is odd, what it does to the lamp, and what to do about it; nothing else is odd."""
    assert [odd.sentence for odd in lint(seen, NOON)] == [sentence]


def test_oddities_come_in_the_order_in_which_they_matter() -> None:
    """What may be settled by choosing comes first, what only the server's people can mend last."""
    seen = [
        *(a_project(f"p{number}", last_build_status="Failure") for number in range(97)),
        a_project("shop / a", last_build_status="Failure", last_build_time=OLD),
        a_project("shop / a", last_build_status="Failure", last_build_time=NAIVE),
        a_project("shop / b", last_build_status="Failure"),
        a_project("last", last_build_status="Failure"),
    ]

    reds = [odd.sentence[:11] for odd in lint(seen, NOON)]
    others = lint([*seen, a_project("x"), a_project("y", last_build_status="Dead")], NOON)

    assert reds == [
        "101 project", "Every proje", "The names l", "1 project h", "1 time of 2", "1 name more",
    ]  # fmt: skip
    assert [odd.sentence[:11] for odd in others] == [
        "103 project", "The names l", "1 project h", "1 project n", "Unknown wor", "1 time of 2",
        "1 name more",
    ]  # fmt: skip


def test_a_hundred_projects_are_not_too_many() -> None:
    """And where there are more, those to include are told once; the first gives the example."""
    red = [a_project(f"p{number}-x", last_build_status="Failure") for number in range(MANY + 1)]

    (hundred,) = lint(red[:MANY], NOON)
    many, all_red = lint(red, NOON)

    assert (hundred.sentence, hundred.line) == (RED_HINT, 'include = ["p0*"]')
    assert (many.line, all_red.line) == ('include = ["p0*"]', None)


def test_a_few_names_are_told_and_the_rest_is_counted() -> None:
    """Three at most, none of more than 40 letters, and one that is missing is told as that."""

    def told(*names: str) -> str:
        (odd,) = [
            odd
            for odd in lint([a_project(each, last_build_status="") for each in names], NOON)
            if "never completed" in odd.sentence
        ]
        return odd.sentence.partition("(folders): ")[2].partition(". They")[0]

    assert told("") == "(no name)"
    assert told("a", "b", "c") == "a, b, c"
    assert told("a", "b", "c", "d") == "a, b, c and 1 more"
    assert told("x" * 40, "y" * 41) == f"{'x' * 40}, {'y' * 39}…"


def test_a_line_to_paste_stays_one_that_can_be_read() -> None:
    """Twenty names at most, none of more than 60 letters; if none is left, there is no line."""

    def line(*names: str) -> str | None:
        seen = [a_project(each, last_build_status="Unknown") for each in names]
        (odd,) = [odd for odd in lint(seen, NOON) if "never completed" in odd.sentence]
        return odd.line

    letters = [chr(ord("a") + number) for number in range(21)]
    assert line("a") == 'exclude = ["a"]'
    assert line("x" * 60, "y" * 61, "") == f'exclude = ["{"x" * 60}"]'
    assert line("y" * 61) is None
    assert line("") is None
    assert line(*letters) == f"exclude = [{', '.join(map(quoted, letters[:20]))}]"


def test_a_word_that_is_a_speech_is_not_suggested() -> None:
    """It is told, cut, and there is no table for it to be pasted."""
    (odd,) = lint([a_project(last_build_status="d" * 61)], NOON)

    assert f": {'d' * 39}…. They" in odd.sentence
    assert odd.line is None


def test_a_year_is_told_by_the_clock_of_the_server() -> None:
    """A build of exactly a year ago is not dead yet; its zone is heeded."""
    year = NOON - timedelta(days=365)
    east = (year - timedelta(hours=1)).astimezone(timezone(timedelta(hours=6)))

    def dead(moment: datetime) -> bool:
        (*found,) = lint([a_project(last_build_time=moment, **GREEN)], NOON)
        return bool(found)

    assert not dead(year)
    assert dead(year - timedelta(seconds=1))
    assert dead(east)


def test_a_pipeline_of_one_stage_needs_no_roll_up() -> None:
    """There is nothing to count once; of several pipelines those with more stages are named."""
    one = [a_project("a :: b", **GREEN), a_project("c / d", **GREEN)]

    assert lint(one, NOON) == ()
    (odd,) = lint([*one, a_project("c / e", **GREEN)], NOON)
    assert "stages of pipelines: c." in odd.sentence


@pytest.mark.parametrize(
    "seen",
    [
        [a_project(last_build_status="Failure")],
        [a_project("acme/shop", last_build_status="Success"),
         a_project("acme/web", last_build_status="Success")],
        [a_project(activity="Building", last_build_status="Unknown")],
        [a_project(last_build_status="Success", last_build_time=NOON)],
    ],
    ids=["one broken project", "repositories", "first build", "fresh"],
)  # fmt: skip
def test_what_is_usual_is_not_told(seen: Sequence[Project]) -> None:
    """One red project, names with a slash, a first build."""
    assert lint(seen, NOON) == ()


def test_the_oddities_stand_below_the_table(server: FeedServer, heard: Hears) -> None:
    """In comments, so that all of it can be pasted."""
    server.answers["/cc.xml"] = Answer(document("gocd/pipelines"))

    assert main(["discover", server.url()]) == 0

    lines = heard()[0].splitlines()
    assert "it looks like GoCD." in lines[1]
    assert lines[0].startswith("#:schema file://")
    assert lines.index("[[feeds]]") < lines.index('# roll_up = "pipeline"')
    assert all(len(line) <= 100 for line in lines[1:])


# Which server.

# What shows nothing of its server but at a server's own address.
MUTE = {"aws", "bob", "drone", "shipit", "standard"}
CALLED: dict[str, set[str | None]] = {
    "ccnet": {"CruiseControl.NET", None},
    "concourse": {"Concourse", None},  # the old one had no links
    "cruisecontrolrb": {"CruiseControl.rb"},
    "rebelinblue": {"Deployer"},
    "github-actions": {"GitHub Actions, through a proxy"},
    "gocd": {"GoCD"},
    "jenkins": {"Jenkins"},
    "teamcity": {"TeamCity", None},
    "travis": {"Travis CI"},
    "woodpecker": {"Woodpecker"},
}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_servers_are_recognised_by_what_they_say(path: Path) -> None:
    """From any address; and none is taken for another."""
    folder = path.parent.name
    try:
        seen = projects(f"{folder}/{path.stem}")
    except FeedError:
        seen = ()

    guess = identify("https://ci.example/cc.xml", seen)

    if folder in MUTE or not seen:
        assert guess is None
    elif folder in CALLED:
        assert guess in CALLED[folder]
    else:
        assert str(guess).lower().startswith(folder)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://circleci.com/gh/acme/web.cc.xml", "CircleCI"),
        ("https://api.travis-ci.com/repos/acme/web/cc.xml", "Travis CI"),
        ("https://cc.buildkite.com/acme.xml", "Buildkite"),
        ("https://ci.example/go/cctray.xml", "GoCD"),
        ("https://ci.example/app/rest/cctray/projects.xml", "TeamCity"),
        ("https://ci.example/guestAuth/app/rest/cctray/projects.xml", "TeamCity"),
        ("https://ci.example/api/v1/teams/main/cc.xml", "Concourse"),
        ("https://ci.example/ccnet/XmlStatusReport.aspx", "CruiseControl.NET"),
        ("https://ci.example/dashboard/cctray.xml", "CruiseControl"),
        ("https://ci.example/job/web/cc.xml", "Jenkins"),
        ("https://ci.example/api/badges/acme/web/cc.xml", "Drone"),
        ("https://api.cirrus-ci.com/github/acme/web/cctray.xml", "Cirrus CI"),
        ("https://snap-ci.com/acme/web/branch/main/cctray.xml", "Snap CI"),
        ("https://ci.example/acme/web/production/ccmenu.xml", "Shipit"),
        ("https://ci.example/build-status/ccxml/1", "PHPCI"),
        ("https://ci.example/bk/branch-badge/1", "Kraken"),
        ("https://ci.example/branches/state/cc.xml", "Blazar"),
        ("https://ci.example/cc/token/cctray.xml", "Solano CI"),
        ("https://ci.example/cc.xml", None),
    ],
)
def test_servers_are_recognised_by_their_address(url: str, name: str | None) -> None:
    """Or, if anybody could be there, not at all."""
    assert identify(url, [a_project()]) == name


def test_every_try_has_a_deadline(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch, heard: Hears
) -> None:
    """A server that hangs is given up like one that is not there."""
    monkeypatch.setattr("buildlight.feeds.http.client.LONGEST", 0.3)
    server.answer = HANGS

    assert main(["discover", server.url("")]) == 1
    assert len(server.requests) == 1
    assert ": no answer; " in heard()[1]
