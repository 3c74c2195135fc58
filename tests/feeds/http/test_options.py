"""The keys of everything over HTTP: what is taken, what is refused, what is sent."""

import asyncio

import pytest
from pydantic import ValidationError

from buildlight.feeds import HttpOptions, Network
from buildlight.feeds.schedule import DEADLINE
from support.servers import FeedServer

URL = "https://ci.example/cc.xml"


def problem(**keys: object) -> str:
    """Return what is wrong with options of these keys."""
    with pytest.raises(ValidationError) as caught:
        HttpOptions.model_validate({"url": URL, **keys})
    (error,) = caught.value.errors()
    return f"{error['loc'][0]}: {error['msg'].removeprefix('Value error, ')}"


def test_headers_are_sent_to_the_server(server: FeedServer) -> None:
    """A gateway may want a tenant, a server another Accept."""
    headers = {"X-Tenant": "shop", "Accept": "application/json"}
    options = HttpOptions.model_validate({"url": server.url(), "headers": headers})

    asyncio.run(Network().http.get(options.request()))

    (request,) = server.requests
    assert {name: request.headers[name.lower()] for name in headers} == headers


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ("X-Tenant: shop", "should be a table"),
        ({"X-Tenant": 3}, "every value should be a string"),
        ({"X Tenant": "shop"}, "has a key that is not the name of a header"),
        ({"X-Tenant": "shöp"}, "the value of X-Tenant is not printable ASCII"),
        ({"X-Tenant": "a\r\nHost: b"}, "the value of X-Tenant is not printable ASCII"),
        (
            {"authorization": "Bearer s3cret"},
            'cannot set authorization: use auth; kind = "header" for any other scheme',
        ),
        ({"Host": "other.example"}, "cannot set Host: the client sets it"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(headers: object, sentence: str) -> None:
    """The error names the header, and what to use instead."""
    assert problem(headers=headers) == f"headers: {sentence}"


def test_a_header_that_looks_like_a_token_is_a_secret() -> None:
    """People put tokens there; outputs do not show them."""
    headers = {"X-Key": "0123456789abcdef", "X-Tenant": "shop-and-web"}

    assert HttpOptions.model_validate({"url": URL, "headers": headers}).secrets == {
        "0123456789abcdef"
    }


def test_a_timeout_is_the_deadline_of_a_read() -> None:
    """A slow server gets more time, and its news may be as much older."""
    assert HttpOptions(url=URL).deadline == DEADLINE
    assert HttpOptions(url=URL, timeout=60).deadline == 60
    assert problem(timeout=0.5).startswith("timeout: ")
    assert problem(timeout=3600).startswith("timeout: ")


def test_equal_options_are_one_request_after_their_secrets_were_looked_at() -> None:
    """What is computed once does not make two of them."""
    one, other = (HttpOptions.model_validate({"url": URL, "headers": {"A": "b"}}) for _ in "12")

    assert one.secrets == frozenset()
    assert one == other
    assert hash(one) == hash(other)
