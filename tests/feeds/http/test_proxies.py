"""Proxies that the environment names."""

import pytest
import trustme

from buildlight.errors import FeedUnreachable
from support.fetching import a_certificate, failure, get
from support.servers import (
    FEED,
    FeedServer,
    Proxy,
)


def test_a_proxy_in_the_environment_is_used(server: FeedServer, proxy: Proxy) -> None:
    """A lamp behind an office's proxy reads feeds outside."""
    body = get(server.url())

    assert body == FEED
    assert [request.path for request in proxy.requests] == [server.url()]
    assert [request.path for request in server.requests] == ["/cc.xml"]


def test_https_goes_through_a_proxy_unseen(authority: trustme.CA, proxy: Proxy) -> None:
    """The proxy learns the host, and neither the address nor the token; the server is verified."""
    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as server:
        url = server.url("/cc.xml?token=t0psecret").replace("https://", "https://lamp:s3cret@")

        body = get(url)

        assert body == FEED
        assert server.requests[0].path == "/cc.xml?token=t0psecret"
        (request,) = proxy.requests
        assert (request.method, request.path) == ("CONNECT", f"127.0.0.1:{server.port}")
        assert "authorization" not in request.headers


@pytest.mark.usefixtures("proxy", "authority")
def test_a_proxy_cannot_pass_for_the_server() -> None:
    """Through a proxy, a certificate of nobody is no better."""
    with FeedServer(tls=a_certificate(trustme.CA(), "127.0.0.1")) as server:
        error = failure(server.url())

    assert str(error).startswith("the certificate is not trusted: ")


def test_no_proxy_is_heeded(
    server: FeedServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers of the office itself are reached directly."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert get(server.url()) == FEED
    assert proxy.requests == []


def test_a_user_for_the_proxy_is_for_the_proxy_only(
    server: FeedServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy's password in the environment is not sent to the server."""
    monkeypatch.setenv("http_proxy", proxy.url("").replace("http://", "http://me:pr0xy@"))

    get(server.url())

    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cHIweHk="
    assert "authorization" not in server.requests[0].headers


def test_a_proxy_that_refuses_is_told_from_a_server_that_does(
    server: FeedServer, proxy: Proxy
) -> None:
    """Whoever set the feed up looks at the proxy, not at the server."""
    proxy.refuses = True

    plain = failure(server.url())
    safe = failure("https://127.0.0.1:1/cc.xml")

    assert str(plain).startswith("407 Proxy Authentication Required: set the user")
    assert str(safe) == "the proxy refused; check HTTPS_PROXY and its user and password"


@pytest.mark.parametrize("written", ["gopher://127.0.0.1:1", "socks5://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told(
    server: FeedServer, proxy: Proxy, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in the environment is no crash of the feed's reader."""
    monkeypatch.setenv("http_proxy", written)

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error) == (
        "the proxy in the environment is not usable; check HTTP_PROXY and HTTPS_PROXY"
    )
