"""Every failure is a sentence with a remedy, and holds no secret."""

import logging
import re
import socket

import pytest

from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.feeds.http.messages import Request
from support.fetching import answering, failure, get, unused_port, visit
from support.servers import (
    BREAKS_OFF,
    DRIPS,
    FEED,
    HANGS,
    RESETS,
    Answer,
    FeedServer,
    redirect,
)

BROKE_OFF = (
    "the connection closed before the answer was complete; see the logs of the server and any proxy"
)


NO_ANSWER = "timed out after 0 s: no answer; check that the server is up and no firewall blocks it"


PROXY_WANTS = (
    "Proxy Authentication Required: set the user and password in HTTP_PROXY or HTTPS_PROXY"
)
TOO_SLOW = (
    "timed out after 0 s: the answer is incomplete; ask for a view with fewer projects, "
    "or raise timeout"
)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (204, "204 No Content: check the address"),
        (304, "304 Not Modified: check the address"),
        (400, "400 Bad Request: check the address"),
        (401, "401 Unauthorized: the server requires authentication; set auth"),
        (403, "403 Forbidden: anonymous access is forbidden; set auth"),
        (404, "404 Not Found: check the address"),
        (
            407,
            f"407 {PROXY_WANTS}",
        ),
        (410, "410 Gone: the page was removed; check the address"),
        (429, "429 Too Many Requests: raise interval"),
        (500, "500 Internal Server Error: the server failed; see its log"),
        (503, "503 Service Unavailable: the server failed; see its log"),
    ],
)
def test_every_status_but_200_is_refused(server: FeedServer, status: int, sentence: str) -> None:
    """The sentence names the status and what to do about it."""
    server.answer = Answer(b"", status=status)

    error = failure(server.url())

    assert isinstance(error, FeedRefused)
    assert error.status == status
    assert str(error) == sentence


def test_nobody_listening_is_said() -> None:
    """A server that is down is told from a network that is down."""
    error = failure(f"http://127.0.0.1:{unused_port()}/cc.xml")

    assert type(error) is FeedUnreachable
    assert str(error) == "connection refused; check that the server is up and the port is right"


def test_a_name_that_nobody_knows_is_said() -> None:
    """A slip in the host is found from the sentence."""

    def resolve(*_question: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    error = failure("http://ci.invalid/cc.xml", resolve=resolve)

    assert type(error) is FeedUnreachable
    assert str(error) == "cannot resolve ci.invalid; check the host and the network"


def test_a_name_too_long_for_any_server_is_not_found() -> None:
    """A host that no look-up accepts fails as one that nobody knows."""
    error = failure(f"http://{'x' * 64}.invalid/cc.xml")

    assert type(error) is FeedUnreachable
    assert str(error) == f"cannot resolve {'x' * 59}…; check the host and the network"


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    ("answer", "sentence"), [(HANGS, NO_ANSWER), (DRIPS, TOO_SLOW)], ids=["hangs", "drips"]
)
def test_a_slow_answer_ends_at_the_deadline(
    server: FeedServer, answer: Answer, sentence: str
) -> None:
    """A server that says nothing, or a byte a second, is given up, and told from the other."""
    server.answer = answer

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error) == sentence


@pytest.mark.usefixtures("hurry")
def test_a_server_that_accepts_nobody_ends_at_the_deadline() -> None:
    """A host whose connections hang, as behind a firewall, is given up."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # They fill the queue that nobody empties.
            each.settimeout(0)
            each.connect_ex(address)

        error = failure(f"http://127.0.0.1:{address[1]}/cc.xml")

        for each in waiting:
            each.close()

    assert type(error) is FeedUnreachable
    assert str(error) == NO_ANSWER


@pytest.mark.parametrize(
    "answer",
    [RESETS, BREAKS_OFF, Answer(headers={"Content-Length": "100000"})],
    ids=["reset", "closed in the middle", "shorter than it said"],
)
def test_an_answer_that_breaks_off_is_no_answer(server: FeedServer, answer: Answer) -> None:
    """Half a feed is not taken for a whole one."""
    server.answer = answer

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error) == BROKE_OFF


MALFORMED = {
    "220 mail.example ESMTP ready": "it does not begin with a status line",
    "HTTP/1.1 200 OK\r\nSet Cookie: x": "a header line is not valid",
    "HTTP/1.1 200 OK\r\n X: 1": "a header line is not valid",
    "HTTP/1.1 200 OK\r\nX: \x00": "a header line is not valid",
    "HTTP/1.1 200 OK\r\nContent-Length: x": "the value of Content-Length is not valid",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2": "there are two values of "
    "Content-Length",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity": "its Transfer-Encoding is not chunked",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked": "its Transfer-Encoding is not "
    "chunked",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked": "there are "
    "two values of Transfer-Encoding",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nt0psecret": "a chunk is not valid",
    "HTTP/1.1 200 OK\r\nX: " + "x" * 300_000: "its headers are longer than 100 kB",
}


@pytest.mark.parametrize("start", MALFORMED, ids=lambda start: start[-24:])
def test_malformed_http_says_what_is_malformed(start: str) -> None:
    """Other programs may read it; nobody has to look for an overloaded server."""
    with answering(f"{start}\r\n\r\n".encode("latin-1") + FEED, scheme="http") as url:
        error = failure(url)

    assert type(error) is FeedMalformed
    assert str(error) == f"malformed HTTP: {MALFORMED[start]}; correct the server or the proxy"


def test_a_new_connection_that_closes_is_a_failure_at_once(server: FeedServer) -> None:
    """A server that hangs up on everybody is not asked again before the next poll."""
    server.answer = RESETS

    assert str(failure(server.url())) == BROKE_OFF
    assert len(server.requests) == 1


FAILING: list[Answer] = [
    Answer(),
    Answer(b"", status=401),
    Answer(b"", status=500),
    HANGS,
    RESETS,
    BREAKS_OFF,
    redirect("/cc.xml?token=t0psecret"),
    redirect("ftp://t0psecret/"),
    redirect("http://127.0.0.1:99999/?token=t0psecret"),
    Answer(headers={"Content-Encoding": "gzip"}),
    Answer(headers={"Content-Encoding": "t0psecret"}),
    Answer(headers={"Content-Length": "t0psecret"}),
]


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("answer", FAILING)
def test_a_token_is_never_told(
    server: FeedServer, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the sentence nor any log, however chatty, holds what the address keeps secret."""
    server.answer = answer
    url = server.url("/cc.xml?token=t0psecret").replace("http://", "http://lamp:t0psecret@")
    caplog.set_level(logging.DEBUG)

    try:
        get(url)
    except FeedError as error:
        sentence = str(error)
    else:
        sentence = ""

    assert server.requests[0].path.endswith("t0psecret")
    assert "t0psecret" not in sentence
    assert "t0psecret" not in caplog.text
    assert not [record for record in caplog.records if re.match("http", record.name)]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "401 Unauthorized: the server rejected the token; check auth"),
        (403, "403 Forbidden: this user or token has no read access; grant it"),
    ],
)
def test_a_wrong_secret_is_told_from_a_missing_one(
    server: FeedServer, status: int, sentence: str
) -> None:
    """Who has set auth is not told to set it."""
    server.answer = Answer(b"", status=status)

    assert str(failure(server.url("/?token=0123456789abcdef"))) != sentence
    request = Request(server.url(), secrets=frozenset({"t0psecret"}))
    with pytest.raises(FeedRefused) as caught:
        visit(lambda client: client.get(request))

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("challenge", "remedy"),
    [
        ("NTLM", "the server accepts only NTLM; enable Basic or a token for this address"),
        ('Digest realm="ci", nonce="1"', "the server accepts only Digest; enable Basic or a"),
        ('Basic realm="ci"', "the server requires authentication; set auth"),
        ("Negotiate, NTLM", "the server accepts only NTLM or Negotiate; enable"),
        ("Negotiate, Basic", "the server requires authentication; set auth"),
    ],
)
def test_authentication_that_is_not_supported_is_named(
    server: FeedServer, challenge: str, remedy: str
) -> None:
    """No token helps with a server that accepts only NTLM or Digest."""
    server.answer = Answer(b"", status=401, headers={"WWW-Authenticate": challenge})

    assert str(failure(server.url())).startswith(f"401 Unauthorized: {remedy}")
