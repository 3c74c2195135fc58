"""TLS: whom a feed trusts, and what a failed handshake means."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from buildlight.errors import FeedUnreachable
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.http.messages import Request
from buildlight.network.tls import Tls
from support.fetching import a_certificate, failure, get, visit
from support.servers import (
    FEED,
    FeedServer,
)


def test_the_systems_authorities_are_trusted(authority: trustme.CA) -> None:
    """A server with a certificate of the office's own authority is read."""
    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as server:
        body = get(server.url())

    assert body == FEED


@pytest.mark.usefixtures("authority")
def test_a_certificate_of_nobody_is_not_trusted() -> None:
    """A stranger in the network cannot turn the lamp green."""
    with FeedServer(tls=a_certificate(trustme.CA(), "127.0.0.1")) as server:
        error = failure(server.url())

        assert server.requests == []

    assert type(error) is FeedUnreachable
    assert str(error) == (
        "the certificate is not trusted: unable to get local issuer certificate; "
        "set ca_file for an authority of your own"
    )


def test_a_certificate_of_another_name_is_not_trusted(authority: trustme.CA) -> None:
    """A certificate for another host is refused, and the sentence says why."""
    with FeedServer(tls=a_certificate(authority, "ci.example")) as server:
        error = failure(server.url())

        assert server.requests == []

    assert type(error) is FeedUnreachable
    assert str(error) == "the certificate belongs to another name; check the host in url"


def test_https_on_a_port_without_tls_is_said(server: FeedServer) -> None:
    """An s too many in the address is found from the sentence."""
    error = failure(server.url().replace("http://", "https://"))

    assert type(error) is FeedUnreachable
    assert (
        str(error) == "this port does not use TLS; check the port in url, or write http:// in url"
    )


TRUST = "; set ca_file for an authority of your own"


def test_an_authority_of_ones_own_is_trusted_by_the_feed_that_names_it(tmp_path: Path) -> None:
    """`ca_file` opens one feed, and leaves the other as careful as it was."""
    office = trustme.CA()
    file = tmp_path / "office.pem"
    office.cert_pem.write_to_path(str(file))

    async def both(client: HttpClient, url: str) -> tuple[bytearray | None, str]:
        named = await client.get(Request(url, tls=Tls(ca_file=str(file))))
        with pytest.raises(FeedUnreachable) as caught:
            await client.get(Request(url))
        return named.body, str(caught.value)

    with FeedServer(tls=a_certificate(office, "127.0.0.1")) as server:
        body, other = visit(lambda client: both(client, server.url()))

    assert body == bytearray(FEED)
    assert other.startswith("the certificate is not trusted: ")


def test_ca_file_is_trusted_besides_the_system(authority: trustme.CA, tmp_path: Path) -> None:
    """A feed with an authority of its own may redirect to a server of the system's."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    tls = Tls(ca_file=str(tmp_path / "other.pem"))

    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as server:
        answer = visit(lambda client: client.get(Request(server.url(), tls=tls)))

    assert answer.body == bytearray(FEED)


def test_ca_file_trusts_no_other_name(tmp_path: Path) -> None:
    """An authority of one's own is no reason to believe any name."""
    office = trustme.CA()
    office.cert_pem.write_to_path(str(tmp_path / "office.pem"))
    tls = Tls(ca_file=str(tmp_path / "office.pem"))

    with (
        FeedServer(tls=a_certificate(office, "ci.example")) as server,
        pytest.raises(FeedUnreachable, match="belongs to another name"),
    ):
        visit(lambda client: client.get(Request(server.url(), tls=tls)))


def test_verify_false_trusts_anybody_for_one_feed_only() -> None:
    """A feed that was told to trust anybody makes no other feed careless, on one server even."""

    async def both(client: HttpClient, url: str) -> bytearray | None:
        careless = await client.get(Request(url, tls=Tls(verify=False)))
        with pytest.raises(FeedUnreachable, match="not trusted"):
            await client.get(Request(url))
        return careless.body

    with FeedServer(tls=a_certificate(trustme.CA(), "ci.example")) as server:
        body = visit(lambda client: both(client, server.url()))

    assert body == bytearray(FEED)


def test_a_certificate_that_signed_itself_is_not_trusted(tmp_path: Path) -> None:
    """What a router or a NAS brings along is told, with what to do."""
    lone = trustme.CA()
    lone.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    lone.cert_pem.write_to_path(str(tmp_path / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    with FeedServer(tls=context) as server:
        error = failure(server.url())

    assert str(error) == f"the certificate is not trusted: self-signed certificate{TRUST}"


@pytest.mark.parametrize(
    ("begin", "end", "when"), [(-20, -10, "expired"), (10, 20, "not valid yet")]
)
def test_a_certificate_out_of_its_time_may_be_a_wrong_clock(
    authority: trustme.CA, begin: int, end: int, when: str
) -> None:
    """A Pi starts without knowing the time: the sentence says which day it takes this for."""
    today = datetime.now(tz=UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        "127.0.0.1",
        not_before=today + timedelta(days=begin),
        not_after=today + timedelta(days=end),
    ).configure_cert(context)

    with FeedServer(tls=context) as server:
        error = failure(server.url())

    days = {f"{day:%Y-%m-%d}" for day in (today, datetime.now(tz=UTC))}
    assert str(error) in {
        f"the certificate is {when}; renew it, or set this machine's clock: it says {day}"
        for day in days
    }
