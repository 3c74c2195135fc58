"""What can go wrong between a lamp and a CI server, as a table: one row a fault.

Whatever a server says while it fails is a green lie: the documents here say that shop passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from faults.fault_server import Play, drips, never_ends, once, resets, says
from faults.stage import TOKEN, Stage
from support.servers import (
    BREAKS_OFF,
    DRIPS,
    FEED,
    HANGS,
    MEBIBYTE,
    RESETS,
    Answer,
    Mode,
    gzip_bomb,
    redirect,
)

SOON = 0.5
"""The deadline of a poll, in seconds, where a fault is one of time."""

UNTOLD = "…"
"""Stands for what varies in a sentence."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with a feed.

    *sentence* is what a person is told, with ``…`` for what varies; *at_start* likewise for a
    feed that never answered before, where that is another. *deadline* stands in for the 20
    seconds of a poll. One that is *harmless* is none: the lamp goes on to show the truth.
    """

    name: str
    begin: Callable[[Stage], None]
    sentence: str = ""
    at_start: str | None = None
    feed: str = "plain"
    deadline: float = 20.0
    harmless: bool = False

    def told(self, column: str) -> str:
        """Return the sentence in this *column*."""
        return self.sentence if column != "at start" or self.at_start is None else self.at_start


def fails(fault: Answer | Play) -> Callable[[Stage], None]:
    """Have the server fail this way."""
    return lambda stage: stage.servers["plain"].fail(fault)


def sends(document: bytes | Callable[[bytes], bytes]) -> Callable[[Stage], None]:
    """Have the server send this document; or what it makes of the truth."""

    def begin(stage: Stage) -> None:
        body = document if isinstance(document, bytes) else document(stage.truth)
        stage.servers["plain"].fail(Answer(body))

    return begin


def _swap(**certificate: object) -> Callable[[Stage], None]:
    def begin(stage: Stage) -> None:
        stage.certify(**certificate)  # type: ignore[arg-type]
        stage.servers["secure"].fail(Answer())

    return begin


def _no_names(stage: Stage) -> None:
    stage.nameless = "plain"
    stage.servers["plain"].fail(Answer())  # What is connected needs no name.


def _to_a_stranger(with_token: str) -> Callable[[Stage], None]:
    def begin(stage: Stage) -> None:
        stage.servers["plain"].fail(redirect(stage.stranger.url(f"/?{with_token}")))

    return begin


def _answers_to_nothing(stage: Stage) -> None:
    stage.servers["plain"].fail(once(VOID + WHOLE * 59))  # Once for each time that it is played.


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(FEED) + FEED
VOID = HEAD + b"Content-Length: 0\r\n\r\n"
GZIPPED = HEAD + b"Content-Encoding: gzip\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
DECLARED = b'<?xml version="1.0"?>'
BODY = FEED.removeprefix(DECLARED)

NO_ANSWER = "timed out after 0 s: no answer; check that the server is up and no firewall blocks it"
SLOW = "timed out after 0 s: the answer is incomplete; …"
BROKEN_OFF = (
    "the connection closed before the answer was complete; see the logs of the server and any proxy"
)
BAD_HTTP = "malformed HTTP: …; correct the server or the proxy"
REFUSED = "connection refused; check that the server is up and the port is right"
LARGE = "larger than 16 MiB; is it a feed?"
NOT_XML = "not XML; does the address lead to a cc.xml feed?"
CUT = "cut short after …"
ILL = "not well-formed XML after … (…)"
PIECE = "a single piece of 64 KiB; is it a feed?"
ENTITIES = "declares XML entities, which no feed needs"
TROUBLE = ": the server failed; see its log"
ELSEWHERE = "{}: check the address"
HTML = (
    "html: the server sent a web page, perhaps a login page; "
    "check the address and whether the server requires authentication"
)
EMPTY = "an empty answer; check the address"
LAUGHS = (
    DECLARED
    + b'<!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;">' % (n + 1, n, n) for n in range(ord("a"), ord("y")))
    + b']><Projects><Project name="&y;" activity="Sleeping" lastBuildStatus="Success"/></Projects>'
)
QUADRATIC = (
    DECLARED
    + b'<!DOCTYPE x [<!ENTITY a "'
    + b"a" * 60_000
    + b'">]><Projects><Project name="'
    + b"&a;" * 20_000
    + b'" activity="Sleeping" lastBuildStatus="Success"/></Projects>'
)
EXTERNAL = (
    DECLARED + b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    b'<Projects><Project name="&a;" activity="Sleeping" lastBuildStatus="Success"/></Projects>'
)
MANY = b'<Project name="p" lastBuildStatus="Success"/>'
END = b"</Projects>"


def _named(name: bytes) -> bytes:
    return FEED.replace(b'"shop"', b'"' + name + b'"')


def _in_utf_16(truth: bytes) -> bytes:
    return truth.removeprefix(DECLARED).decode().encode("utf-16")


CONNECTION = (
    Fault("connection refused", lambda stage: stage.servers["plain"].stop(), REFUSED),
    Fault(
        "connection never answered",
        lambda stage: stage.servers["plain"].swallow(),
        NO_ANSWER,
        deadline=SOON,
    ),
    Fault("no answer", fails(HANGS), NO_ANSWER, deadline=SOON),
    Fault("hangs up without a word", fails(says(b"")), BROKEN_OFF),
    Fault("reset before the headers", fails(RESETS), BROKEN_OFF),
    Fault("reset within the headers", fails(resets(WHOLE[:30])), BROKEN_OFF),
    Fault("reset after the headers", fails(resets(WHOLE[: -len(FEED)])), BROKEN_OFF),
    Fault("reset within the body", fails(resets(WHOLE[:-9])), BROKEN_OFF),
    Fault("cut in the middle of the body", fails(BREAKS_OFF), BROKEN_OFF),
    Fault("headers, one byte a second", fails(drips(WHOLE)), NO_ANSWER, deadline=SOON),
    Fault("body, one byte a second", fails(DRIPS), SLOW, deadline=SOON),
    Fault("a name that cannot be looked up", _no_names, "cannot resolve …; check …"),
    Fault("no HTTP at all", fails(says(b"SSH-2.0-OpenSSH_9.2\r\n")), BROKEN_OFF),
    Fault("headers without end", fails(never_ends(HEAD, b"X: " + b"x" * 9000)), BAD_HTTP),
    Fault(
        "early hints without end",
        fails(never_ends(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")),
        NO_ANSWER,
        deadline=SOON,
    ),
    Fault(
        "59 green answers behind an empty one, then silence",
        _answers_to_nothing,
        NO_ANSWER,
        deadline=SOON,
    ),
)

LENGTH = (
    Fault(
        "a length beyond the end",
        fails(Answer(headers={"Content-Length": str(len(FEED) + 9)})),
        BROKEN_OFF,
    ),
    Fault("a length before the end", fails(Answer(headers={"Content-Length": "150"})), CUT),
    Fault("a length that is none", fails(says(HEAD + b"Content-Length: x\r\n\r\n")), BAD_HTTP),
    Fault(
        "two lengths",
        fails(says(HEAD + b"Content-Length: 9\r\nContent-Length: 8\r\n\r\n" + FEED)),
        BAD_HTTP,
    ),
    Fault("a chunk that is none", fails(says(CHUNKED + b"zz\r\n" + FEED)), BAD_HTTP),
    Fault("a chunk of exabytes", fails(says(CHUNKED + b"f" * 15 + b"\r\n" + FEED)), BROKEN_OFF),
    Fault(
        "chunks without the last",
        fails(says(CHUNKED + b"%x\r\n" % len(FEED) + FEED + b"\r\n")),
        BROKEN_OFF,
    ),
    Fault(
        "a body of 10 GB",
        fails(
            Answer(
                b"<Projects>".ljust(MEBIBYTE),
                headers={"Content-Length": str(10**10)},
                mode=Mode.ENDLESS,
            )
        ),
        LARGE,
    ),
    Fault("a body without end", fails(Answer(b" " * MEBIBYTE, mode=Mode.ENDLESS)), LARGE),
    Fault("a gzip bomb", fails(gzip_bomb(64)), LARGE),
    Fault(
        "data without end behind gzip",
        fails(never_ends(GZIPPED + Answer().gzipped().body, bytes(64 * 1024))),
        LARGE,
    ),
    Fault(
        "empty blocks of gzip without end",
        fails(never_ends(GZIPPED + Answer().gzipped().body[:10], b"\x00\x00\x00\xff\xff" * 9000)),
        LARGE,
    ),
    Fault(
        "gzip that is none",
        fails(Answer(headers={"Content-Encoding": "gzip"})),
        "damaged (it does not decompress); check any proxy",
    ),
    Fault(
        "gzip cut short",
        fails(
            Answer(
                Answer().gzipped().body[:-60],
                headers={"Content-Encoding": "gzip"},
            )
        ),
        UNTOLD,
    ),
    Fault(
        "an encoding nobody asked for",
        fails(Answer(headers={"Content-Encoding": "br"})),
        "unknown Content-Encoding; configure the server or proxy to use gzip",
    ),
)

STATUS = (
    Fault("redirected in a circle", fails(redirect("/again")), "redirects more than 5 times; …"),
    Fault(
        "redirected to nowhere",
        fails(redirect("http://[::1/")),
        "redirects to an invalid address; …",
    ),
    Fault(
        "redirected to a file",
        fails(redirect("file:///etc/passwd")),
        "redirects to an address that is …",
    ),
    Fault(
        "redirected elsewhere with the token",
        _to_a_stranger(f"token={TOKEN}"),
        "redirects to another server with the secret; check the address",
    ),
    Fault(
        "304 to who knows nothing",
        fails(Answer(b"", status=304)),
        ELSEWHERE.format("304 Not Modified"),
    ),
    Fault("204", fails(Answer(b"", status=204)), ELSEWHERE.format("204 No Content")),
    Fault("206", fails(Answer(status=206)), ELSEWHERE.format("206 Partial Content")),
    Fault("400", fails(Answer(status=400)), ELSEWHERE.format("400 Bad Request")),
    Fault("401", fails(Answer(status=401)), "401 Unauthorized: …"),
    Fault("403", fails(Answer(status=403)), "403 Forbidden: …"),
    Fault("404", fails(Answer(status=404)), "404 Not Found: check the address"),
    Fault("410", fails(Answer(status=410)), "410 Gone: the page was removed; …"),
    Fault(
        "429 with Retry-After",
        fails(Answer(status=429, headers={"Retry-After": "1"})),
        "429 Too Many Requests: raise interval",
    ),
    Fault("500", fails(Answer(status=500)), "500 Internal Server Error" + TROUBLE),
    Fault("502", fails(Answer(status=502)), "502 Bad Gateway" + TROUBLE),
    Fault("503", fails(Answer(status=503)), "503 Service Unavailable" + TROUBLE),
    Fault(
        "news of yesterday from a cache",
        fails(Answer(headers={"Age": "86400"})),
        "a cache sent an answer that is … s old; …",
    ),
)

CERTIFICATE = tuple(
    Fault(f"certificate {name}", _swap(**certificate), sentence, feed="secure")
    for name, certificate, sentence in (
        ("expired", {"begin": -9, "end": -5}, "the certificate is expired; …"),
        ("of tomorrow", {"begin": 5, "end": 9}, "the certificate is not valid yet; …"),
        ("of another name", {"host": "evil.test"}, "the certificate belongs to another name; …"),
        ("signed by itself", {"known": False}, "the certificate is not trusted: …"),
    )
)

DOCUMENT = (
    Fault("login page", sends(b"<!DOCTYPE html><html><body>Log in</body></html>"), HTML),
    Fault("login page in XHTML", sends(b"<html><body>Success</body></html>"), HTML),
    Fault("an access-denied document", sends(b"<access-denied/>"), "access-denied: …"),
    Fault("nothing", sends(b""), EMPTY),
    Fault("white space", sends(b" \n" * 99), EMPTY),
    Fault("JSON", sends(b'{"lastBuildStatus": "Success"}'), NOT_XML),
    Fault("noise", sends(bytes(range(256)) * 40), NOT_XML),
    Fault("zeros", sends(bytes(10_000)), NOT_XML),
    Fault("another document", sends(b"<rss><Project/></rss>"), "the root is <rss>, not …"),
    Fault("no projects any more", sends(b"<Projects/>"), "answers with no project, …", at_start=""),
    Fault(
        "a stand-in for a project",
        sends(_named(b"repo does not exist or token missing")),
        "the server says: repo does not exist or token missing; check the address and the token",
    ),
    Fault("duplicate attributes", sends(FEED.replace(b"/>", b' name="x"/>')), ILL),
    Fault("another document behind it", sends(FEED + FEED.removeprefix(DECLARED)), ILL),
    Fault("words behind it", sends(FEED + b"</html>"), ILL),
    Fault("a tag that closes another", sends(FEED.replace(b"</Projects>", b"</Project>")), ILL),
    Fault("control characters", sends(_named(b"sh\x01op")), ILL),
    Fault("a zero in a name", sends(_named(b"sh\x00op")), ILL),
    Fault("a bare ampersand", sends(_named(b"shop & sons")), ILL),
    Fault("entities: billion laughs", sends(LAUGHS), ENTITIES),
    Fault("entities: quadratic", sends(QUADRATIC), ENTITIES),
    Fault("entities: a file", sends(EXTERNAL), ENTITIES),
    Fault("an entity nobody declared", sends(_named(b"&shop;")), ILL),
    Fault("latin-1 that calls itself UTF-8", sends(_named("é".encode("latin-1"))), ILL),
    Fault(
        "UTF-16 that calls itself UTF-8",
        sends(('<?xml version="1.0" encoding="utf-8"?>' + BODY.decode()).encode("utf-16")),
        UNTOLD,
    ),
    Fault(
        "an unknown encoding", sends(b'<?xml version="1.0" encoding="klingon"?>' + BODY), NOT_XML
    ),
    Fault(
        "an encoding that is a module",
        sends(b'<?xml version="1.0" encoding="base64"?>' + BODY),
        NOT_XML,
    ),
    Fault(
        "a million projects",
        sends(b"<Projects>" + b"<Project/>" * 10**6 + b"</Projects>"),
        "more than 50000 projects; ask the server for a view",
    ),
    Fault("projects beyond 16 MiB", sends(b"<Projects>" + MANY * 400_000), LARGE),
    Fault("a name of 1 MB", sends(_named(b"n" * 10**6)), PIECE),
    Fault("a token of 15 MB", sends(_named(b"n" * 15 * 10**6)), PIECE),
    Fault("a token of 100 MB", sends(_named(b"n" * 10**8)), LARGE),
    Fault("a comment of 1 MB", sends(b"<Projects><!--" + b"-x" * 500_000), PIECE),
    Fault(
        "2 million nested tags",
        sends(b"<Projects>" + b"<a>" * 2_000_000),
        "nested deeper than 16 elements; is it a feed?",
    ),
    Fault(
        "a project within a project",
        sends(b'<Projects><Project name="a"><Project name="b"/></Project></Projects>'),
        "has a project within a project; is it a feed?",
    ),
)

HARMLESS = tuple(
    Fault(name, sends(document), harmless=True)
    for name, document in {
        "UTF-16": _in_utf_16,
        "UTF-8 that calls itself UTF-16": lambda truth: truth.replace(
            b"?>", b' encoding="utf-16"?>', 1
        ),
        "UTF-8 with a mark": lambda truth: b"\xef\xbb\xbf" + truth,
        "latin-1 that says so": lambda truth: truth.replace(
            b'version="1.0"', b'version="1.0" encoding="latin-1"'
        ).replace(b"<Project ", b'<Project x="\xe9" '),
        "blank lines around it": lambda truth: b"\n\n" + truth + b"\n\n",
        "a namespace": lambda truth: truth.replace(b"<Projects", b'<Projects xmlns="urn:x"'),
        "one name 3,000 times": lambda truth: truth.replace(END, MANY * 3_000 + END),
        "elements nobody knows": lambda truth: truth.replace(b"<Projects>", b"<Projects><x/>"),
    }.items()
)

FAULTS = (*CONNECTION, *LENGTH, *STATUS, *CERTIFICATE, *DOCUMENT, *HARMLESS)


def told_of(start: bytes) -> str:
    """Return the sentence on a document of which only the *start* came."""
    if not start:
        return EMPTY
    if b"<Projects>" not in start:
        return NOT_XML
    return "cut short after 1 project" if b"/>" in start else "cut short after 0 projects"


# A feed that was cut short anywhere. Behind the root's last letter there is nothing to miss.
TRUNCATED = tuple(
    Fault(f"cut after byte {length}", sends(FEED[:length]), told_of(FEED[:length]))
    for length in range(len(FEED.rstrip()))
)
