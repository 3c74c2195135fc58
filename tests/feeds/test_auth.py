"""How a feed is let in: what arrives at the server, where it never arrives, and what is wrong."""

import asyncio
import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest

from buildlight.config.settings import check_settings
from buildlight.errors import ConfigError, FeedError
from buildlight.feeds.auth import Auth
from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.http.client import HttpClient
from buildlight.projects.project import Project
from support.servers import FEED, Answer, FeedServer, Request, redirect

SECRET = "s3cret-0123456789"
ODD = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~s3cret%20"
"""A secret of every letter that means something in an address or a header."""

KINDS: Mapping[str, Mapping[str, str]] = {
    "basic": {"kind": "basic", "user": "lamp", "secret": "ci"},
    "bearer": {"kind": "bearer", "secret": "ci"},
    "header": {"kind": "header", "name": "X-Api-Key", "secret": "ci"},
    "query": {"kind": "query", "name": "circle-token", "secret": "ci"},
    "path": {"kind": "path", "secret": "ci"},
}

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One secret, called ci, and no proxy for 127.0.0.1."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", SECRET)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


def read(url: str, auth: Mapping[str, str] | None = None, *, times: int = 1) -> tuple[Project, ...]:
    """Return the projects at *url*, read *times* times."""

    async def reading() -> tuple[Project, ...]:
        client = HttpClient()
        feed = CCTrayFeed(CCTrayOptions.model_validate({"url": url, "auth": auth}), client)
        for _ in range(times - 1):
            await feed.read()
        return await feed.read()

    return asyncio.run(reading())


def sentence_of(url: str, auth: Mapping[str, str] | None) -> str:
    """Return why nothing can be read at *url*."""
    with pytest.raises(FeedError) as caught:
        read(url, auth)
    return str(caught.value)


def url_for(server: FeedServer, kind: str, name: str = "cc.xml") -> str:
    """Return an address at *server*, with a place for the secret if the *kind* needs one."""
    return server.url(f"/{{secret}}/{name}" if kind == "path" else f"/{name}")


def credentials_in(request: Request) -> str:
    """Return everything in *request* that could be a secret, decoded."""
    told = " ".join([unquote(request.path), *request.headers.values()])
    sent = request.headers.get("authorization", "").removeprefix("Basic ")
    return told + base64.b64decode(sent).decode() if sent and " " not in sent else told


# What arrives at the server.


def test_without_auth_nothing_is_sent(server: FeedServer) -> None:
    """A public feed is read as a stranger would."""
    read(server.url())

    (request,) = server.requests
    assert request.path == "/cc.xml"
    assert not {"authorization", "cookie", "referer", "from"} & {*request.headers}


def test_basic_is_in_the_first_request(server: FeedServer) -> None:
    """Jenkins and GoCD never ask for a password: they answer 403, or with fewer projects."""
    server.respond = lambda request: Answer(
        FEED, status=200 if "authorization" in request.headers else 401
    )

    read(server.url(), KINDS["basic"])

    (request,) = server.requests
    assert request.headers["authorization"] == (
        "Basic " + base64.b64encode(f"lamp:{SECRET}".encode()).decode()
    )


def test_basic_is_sent_in_utf_8(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user and a password with umlauts are what RFC 7617 says they are."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", "gehäim: €")

    read(server.url(), {**KINDS["basic"], "user": "läufer"})

    sent = server.requests[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "läufer:gehäim: €"


def test_bearer_is_the_token_and_nothing_else(server: FeedServer) -> None:
    """As RFC 6750 writes it."""
    read(server.url(), KINDS["bearer"])

    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("name", ["X-Api-Key", "PRIVATE-TOKEN", "Cookie", "Accept"])
def test_a_header_may_have_any_name(server: FeedServer, name: str) -> None:
    """A gateway before the server wants its token in a header of its own."""
    read(server.url(), {**KINDS["header"], "name": name})

    (request,) = server.requests
    assert request.headers[name.lower()] == SECRET
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("token", "token"),
        ("circle-token", "circle-token"),
        ("access_token", "access_token"),
        ("auth[token]", "auth%5Btoken%5D"),
        ("a&b=c#d e+f", "a%26b%3Dc%23d%20e%2Bf"),
        ("schlüssel", "schl%C3%BCssel"),
    ],
)
def test_a_parameter_may_have_any_name(server: FeedServer, name: str, sent: str) -> None:
    """Every server calls its token something else, and none of it gets into the address raw."""
    read(server.url(), {**KINDS["query"], "name": name})

    assert server.requests[0].path == f"/cc.xml?{sent}={SECRET}"


def test_a_secret_in_the_query_comes_before_what_is_there(server: FeedServer) -> None:
    """What the address asks for besides stays as it was written."""
    read(server.url("/cc.xml?branch=a%2Fb&x=1+2&recursive"), KINDS["query"])

    assert server.requests[0].path == (
        f"/cc.xml?circle-token={SECRET}&branch=a%2Fb&x=1+2&recursive"
    )


def test_a_secret_in_the_path_is_where_the_address_wants_it(server: FeedServer) -> None:
    """Solano's feeds are at /cc/TOKEN/cctray.xml."""
    read(server.url("/cc/{secret}/cctray.xml?x=1"), KINDS["path"])

    assert server.requests[0].path == f"/cc/{SECRET}/cctray.xml?x=1"


@every_kind
def test_odd_letters_arrive_as_they_are(
    server: FeedServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password generator's favourites neither break the request nor change on the way."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", ODD)
    secret = ODD.strip()

    read(url_for(server, kind), KINDS[kind])

    (request,) = server.requests
    path = urlsplit(request.path)
    sent = request.headers.get("authorization", "")
    arrived: dict[str, object] = {
        "bearer": sent,
        "header": request.headers.get("x-api-key"),
        "query": parse_qsl(path.query),
        "path": [unquote(part) for part in path.path.split("/")],
    }
    if kind == "basic":
        arrived["basic"] = base64.b64decode(sent.removeprefix("Basic ")).decode()
    expected: dict[str, object] = {
        "basic": f"lamp:{secret}",
        "bearer": f"Bearer {secret}",
        "header": secret,
        "query": [("circle-token", secret)],
        "path": ["", secret, "cc.xml"],
    }
    assert arrived[kind] == expected[kind]


def test_every_odd_letter_in_an_address_is_encoded(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte what RFC 3986 says: only letters, digits and `-._~` stay as they are."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", "a-b._~c d+e%2F/é&=?#")
    encoded = "a-b._~c%20d%2Be%252F%2F%C3%A9%26%3D%3F%23"

    read(server.url(), KINDS["query"])
    read(server.url("/{secret}/cc.xml"), KINDS["path"])

    assert [request.path for request in server.requests] == [
        f"/cc.xml?circle-token={encoded}",
        f"/{encoded}/cc.xml",
    ]


# Where the secret never arrives.


@every_kind
def test_the_secret_follows_a_redirect_on_the_same_server(server: FeedServer, kind: str) -> None:
    """Jenkins redirects /cc.xml to /cc.xml/."""
    where = f"/{SECRET}/new" if kind == "path" else "/new"
    server.respond = lambda request: (
        Answer() if "/new" in request.path else redirect(where, status=301)
    )

    read(url_for(server, kind), KINDS[kind])

    first, second = server.requests
    assert urlsplit(second.path).path == where
    assert SECRET in credentials_in(first)
    assert SECRET in credentials_in(second)


def test_a_redirect_that_keeps_the_query_does_not_double_the_secret(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that repeats the parameter in its Location gets it once, however it writes it."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", "s3 cret")
    kept = "/new?x=1&circle-token=s3+cret"
    server.respond = lambda request: Answer() if request.path.startswith("/new") else redirect(kept)

    read(server.url("/cc.xml?x=1"), KINDS["query"])

    assert server.requests[1].path == kept


@every_kind
def test_the_secret_is_not_taken_to_another_server(server: FeedServer, kind: str) -> None:
    """Another port is another server: a redirect cannot make the lamp tell its secret there."""
    with FeedServer() as other:
        server.answer = redirect(other.url("/elsewhere"))

        projects = read(url_for(server, kind), KINDS[kind])

        (request,) = other.requests
    assert [project.name for project in projects] == ["shop"]
    assert SECRET in credentials_in(server.requests[0])
    assert SECRET not in credentials_in(request)
    assert request.path == "/elsewhere"
    assert not {"authorization", "x-api-key", "referer", "cookie"} & {*request.headers}


@every_kind
def test_the_secret_is_sent_again_when_the_way_leads_back(server: FeedServer, kind: str) -> None:
    """A gateway that sends one back learns nothing, and the server learns it again."""
    back = "/{secret}/back" if kind == "path" else "/back"
    with FeedServer() as gateway:
        gateway.answer = redirect(server.url("/back"))
        server.respond = lambda request: (
            Answer() if urlsplit(request.path).path == "/back" else redirect(gateway.url())
        )

        read(server.url(back.replace("back", "start")), KINDS[kind])

        (asked,) = gateway.requests
    assert SECRET not in credentials_in(asked)
    if kind != "path":  # Its place is in the address, and this one has none.
        assert SECRET in credentials_in(server.requests[1])


@pytest.mark.parametrize("kind", ["basic", "query"])
@pytest.mark.parametrize(
    "location",
    [
        f"/login?token={SECRET}",
        f"/login?next=%2Fcc.xml%3Ftoken%3D{quote(SECRET, safe='')}",
        f"http://{SECRET.upper()}.invalid/",
        f"/?was={base64.b64encode(f'lamp:{SECRET}'.encode()).decode()}",
    ],
)
def test_a_redirect_that_hands_the_secret_to_another_server_is_refused(
    server: FeedServer, location: str, kind: str
) -> None:
    """A server that copies the token into its Location would give it away; a name is looked up."""
    with FeedServer() as other:
        server.answer = redirect(location if "//" in location else other.url(location))

        sentence = sentence_of(url_for(server, kind), KINDS[kind])

        assert other.requests == []
    assert sentence == "redirects to another server with the secret; check the address"


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_what_a_server_said_of_its_document_is_not_told_to_another(
    server: FeedServer, header: str
) -> None:
    """An ETag may be made of the token: it goes back to where it came from, and only there."""
    server.answer = Answer(headers={header: f'"{SECRET}"'})
    with FeedServer() as other:

        async def before_and_after() -> None:
            client = HttpClient()
            options = CCTrayOptions.model_validate({"url": server.url(), "auth": KINDS["bearer"]})
            feed = CCTrayFeed(options, client)
            await feed.read()
            server.answer = redirect(other.url())
            await feed.read()

        asyncio.run(before_and_after())

        assert SECRET not in credentials_in(other.requests[0])


@every_kind
def test_a_wrong_secret_and_a_missing_one_are_different_faults(
    server: FeedServer, kind: str
) -> None:
    """The sentence says whether to add `auth`, or what of it to check."""
    server.answer = Answer(status=401)
    wrong = "user or password" if kind == "basic" else "token"

    assert sentence_of(server.url(), None) == (
        "401 Unauthorized: the server requires authentication; set auth"
    )
    assert sentence_of(url_for(server, kind), KINDS[kind]) == (
        f"401 Unauthorized: the server rejected the {wrong}; check auth"
    )


def test_the_password_of_a_proxy_is_a_secret_of_every_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's error page may repeat it; the server never gets it."""
    monkeypatch.setenv("https_proxy", "http://office:pr0xy-pass@proxy.example:3128")
    options = CCTrayOptions(url="https://ci.example/cc.xml")

    assert options.secrets == {"pr0xy-pass", "office:pr0xy-pass"}
    assert options.request().secrets == frozenset()


# Problems.


def mistakes_of(**feed: Any) -> list[str]:
    """Return what is wrong with a feed of these keys."""
    table = {"url": "https://ci.example/cc.xml", **feed}
    with pytest.raises(ConfigError) as caught:
        check_settings({"feeds": [table], "lamps": [{"driver": "console"}]})
    return list(caught.value.mistakes)


@pytest.mark.parametrize(
    ("auth", "mistakes"),
    [
        ("s3cret", ["feeds[0].auth: should be a table"]),
        ({}, ["feeds[0].auth.kind: is missing", "feeds[0].auth.secret: is missing"]),
        ({"kind": "bearer"}, ["feeds[0].auth.secret: is missing"]),
        (
            {"kind": "basic", "secret": "ci"},
            ['feeds[0].auth.user: is missing; kind "basic" needs it'],
        ),
        (
            {"kind": "header", "secret": "ci"},
            ['feeds[0].auth.name: is missing; kind "header" needs it'],
        ),
        (
            {"kind": "query", "secret": "ci", "user": "lamp"},
            [
                'feeds[0].auth.user: does not belong to kind "query"',
                'feeds[0].auth.name: is missing; kind "query" needs it',
            ],
        ),
        (
            {"kind": "bearer", "secret": "ci", "user": "lamp", "name": "token"},
            [
                'feeds[0].auth.user: does not belong to kind "bearer"',
                'feeds[0].auth.name: does not belong to kind "bearer"',
            ],
        ),
        (
            {"kind": "basic", "secret": "ci", "user": "lamp", "name": "token"},
            ['feeds[0].auth.name: does not belong to kind "basic"'],
        ),
        (
            {"kind": "bearer", "secret": "ci", "token": "s3cret"},
            ["feeds[0].auth.token: unknown key; put the secret into a file /etc/buildlight/"],
        ),
        (
            {"kind": "digest", "secret": "ci"},
            [
                "feeds[0].auth.kind: should be 'basic', 'bearer', 'header', 'query' or 'path'",
            ],
        ),
        (
            {"kind": "bearer", "secret": "nonesuch"},
            ["feeds[0].auth.secret: secret nonesuch not found; looked in "],
        ),
        (
            {"kind": "bearer", "secret": "s3cret s3cret"},
            ["feeds[0].auth.secret: is not the name of a secret; write the name, not the secret"],
        ),
        ({"kind": "basic", "secret": "ci", "user": ""}, ["feeds[0].auth.user: is not a user"]),
        ({"kind": "basic", "secret": "ci", "user": "a:b"}, ["feeds[0].auth.user: is not a user"]),
        ({"kind": "basic", "secret": "ci", "user": 7}, ["feeds[0].auth.user: should be a string"]),
        (
            {"kind": "header", "secret": "ci", "name": "X Key"},
            ["feeds[0].auth.name: is not the name of a header"],
        ),
        (
            {"kind": "header", "secret": "ci", "name": "X\r\nHost"},
            ["feeds[0].auth.name: is not the name of a header"],
        ),
        (
            {"kind": "query", "secret": "ci", "name": ""},
            ["feeds[0].auth.name: is not the name of a parameter"],
        ),
    ],
    ids=str,
)
def test_a_mistake_in_auth_is_told_with_its_key(auth: object, mistakes: list[str]) -> None:
    """What a kind lacks, and what does not belong to it, is found by the path of the key."""
    found = mistakes_of(auth=auth)

    assert len(found) == len(mistakes)
    for told, expected in zip(found, mistakes, strict=True):
        assert told.startswith(expected)
        assert "s3cret" not in told


@pytest.mark.parametrize("secret", ["shop", "12345"])
def test_a_secret_that_is_too_short_to_be_hidden_is_refused(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password `shop` would be masked in half of the names, or shown by a server's echo."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", secret)
    too_short = "has fewer than 6 characters, which are part of many names; use a longer one"

    assert mistakes_of(auth=KINDS["bearer"]) == [f"feeds[0].auth.secret: the secret {too_short}"]
    assert mistakes_of(url=f"https://lamp:{secret}@ci.example/") == [
        f"feeds[0].url: the password in it {too_short}"
    ]


@pytest.mark.parametrize("kind", ["bearer", "header"])
def test_a_secret_for_a_header_is_ascii(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a header cannot hold is found before the first poll."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", "gehäim")

    assert mistakes_of(auth=KINDS[kind]) == [
        f'feeds[0].auth.secret: kind "{kind}" needs a secret in ASCII: it goes into a header'
    ]


@every_kind
def test_a_user_in_the_address_and_auth_do_not_go_together(kind: str) -> None:
    """Nobody could say which of the two is sent."""
    url = "https://lamp:s3cret@ci.example/{secret}" if kind == "path" else "https://a@ci.example/"

    assert mistakes_of(url=url, auth=KINDS[kind]) == [
        "feeds[0].auth: the url already has a user; remove it, or auth"
    ]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://ci.example/cc.xml", "path"),
        ("https://ci.example/{secret}/cc.xml", None),
        ("https://ci.example/{secret}/cc.xml", "query"),
        ("https://{secret}.ci.example/cc.xml", "path"),
        ("https://ci.example/cc.xml?token={secret}", "path"),
        ("https://ci.example/{secret}?token={secret}", "path"),
    ],
)
def test_a_place_for_the_secret_and_kind_path_go_together(url: str, kind: str | None) -> None:
    """A secret has one place, and that is the path: neither a name that is looked up, nor none."""
    auth = {"auth": KINDS[kind]} if kind else {}

    assert mistakes_of(url=url, **auth) == [
        'feeds[0].auth: {secret} in the path of the url and kind = "path" go together'
    ]


@every_kind
def test_settings_show_nothing_of_the_secret(kind: str) -> None:
    """Neither a debugger's list of variables nor a log of the settings gives it away."""
    auth = Auth.model_validate(KINDS[kind])

    assert SECRET not in repr(auth) + str(auth)
