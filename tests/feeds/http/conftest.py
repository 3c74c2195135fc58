"""Servers, proxies and authorities for the tests of the HTTP client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from buildlight.feeds.http import body, client
from support.servers import (
    MEBIBYTE,
    FeedServer,
    Proxy,
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxy, if it has one, is not asked for 127.0.0.1."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second is the deadline."""
    monkeypatch.setattr(client, "LONGEST", 0.5)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mebibyte is the most that a feed may have."""
    monkeypatch.setattr(body, "MAX_BYTES", MEBIBYTE)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The office's own authority, installed in the system's store."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "office.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "office.pem"))
    return made


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that the environment names for everything."""
    with Proxy() as running:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, running.url(""))
            monkeypatch.delenv(name.upper(), raising=False)
        for name in ("NO_PROXY", "no_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield running
