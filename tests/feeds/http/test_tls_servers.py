"""TLS that fails: OpenSSL's own server in each shape, and each alert; a sentence for every one."""

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from buildlight.errors import FeedError
from buildlight.feeds.http.messages import Request
from buildlight.network.tls import Tls
from support.fetching import answering, unused_port, visit

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
SECRET = frozenset({"t0psecret"})


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this machine trusts, and a certificate of localhost."""
    made = trustme.CA(key_type=trustme.KeyType.RSA)
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    issued = made.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    return made


@contextmanager
def s_server(folder: Path, *options: str) -> Iterator[str]:
    """Run OpenSSL's server with *options*; yield its address."""
    assert OPENSSL is not None
    port = unused_port()
    command = [OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-www"]
    command += ["-cert", str(folder / "server.pem"), *options]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 10
        while f":{port:04X} 00000000:0000 0A" not in Path("/proc/net/tcp").read_text():
            assert process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < end
            time.sleep(0.01)
        yield f"https://localhost:{port}/"
    finally:
        process.kill()
        process.wait(10)


def sentence(url: str, *, tls: Tls | None = None, secret: bool = False) -> str:
    """Return why *url* cannot be read."""
    request = Request(url, tls=tls or Tls(), timeout=5.0, secrets=SECRET if secret else frozenset())
    with pytest.raises(FeedError) as caught:
        visit(lambda client: client.get(request))
    return str(caught.value)


EITHER = (
    "TLS handshake refused: the server requires a client certificate (client_cert) or offers "
    "only ciphers that are too old"
)
SHAPES = {
    "client certificate, TLS 1.3": (
        ("-Verify", "1", "-tls1_3"),
        "the server requires a client certificate; set client_cert and client_key",
    ),
    "client certificate, TLS 1.2": (("-Verify", "1", "-tls1_2"), EITHER),
    "old ciphers": (("-tls1_2", "-cipher", "AES128-SHA256"), EITHER),
    "TLS 1.0 only": (
        ("-tls1", "-cipher", "DEFAULT@SECLEVEL=0"),
        "the server offers only TLS 1.1 or older; enable TLS 1.2 on it",
    ),
    "HTTP/2 only": (
        ("-alpn", "h2"),
        "the server offers only HTTP/2; enable HTTP/1.1 on it",
    ),
    "unknown name": (
        ("-servername", "other.example", "-servername_fatal"),
        "the server does not know this host name; check the host in url",
    ),
}


@needs_openssl
@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("secret", [False, True], ids=["no secret", "secret"])
def test_a_handshake_that_fails_says_why(name: str, tmp_path: Path, *, secret: bool) -> None:
    """And never suggests http, which would send the secret unencrypted."""
    options, right = SHAPES[name]
    more = ("-cert2", str(tmp_path / "server.pem")) if name == "unknown name" else ()
    with s_server(tmp_path, *options, *more) as url:
        assert sentence(url, secret=secret) == right


@needs_openssl
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_client_certificate_lets_a_feed_in(
    authority: trustme.CA, tmp_path: Path, version: str
) -> None:
    """`client_cert` and `client_key` are shown to the server that requires them."""
    mine = authority.issue_cert("lamp.example")
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "lamp.pem"))
    mine.private_key_pem.write_to_path(str(tmp_path / "lamp.key"))
    tls = Tls(client_cert=str(tmp_path / "lamp.pem"), client_key=str(tmp_path / "lamp.key"))
    trusted = ("-CAfile", str(tmp_path / "authority.pem"), "-verify_return_error")

    with s_server(tmp_path, "-Verify", "1", version, *trusted) as url:
        response = visit(lambda client: client.get(Request(url, tls=tls)))

    assert response.status == 200


@needs_openssl
def test_a_client_certificate_that_is_not_trusted_is_rejected(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """A certificate of the wrong authority is told from a missing one."""
    mine = trustme.CA().issue_cert("lamp.example")
    mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "lamp.pem"))
    tls = Tls(client_cert=str(tmp_path / "lamp.pem"))
    trusted = ("-CAfile", str(tmp_path / "authority.pem"), "-verify_return_error")

    with s_server(tmp_path, "-Verify", "1", "-tls1_3", *trusted) as url:
        assert sentence(url, tls=tls).endswith("rejected the client certificate; check client_cert")


ALERTS = {each.value: each.name for each in ssl.AlertDescription}
ALERTS |= {86: "inappropriate fallback", 109: "missing extension", 116: "certificate required"}
ALERTS |= {120: "no application protocol", 121: "none that is known"}


@pytest.mark.parametrize("code", ALERTS, ids=ALERTS.get)
def test_every_alert_has_a_sentence(code: int) -> None:
    """None is taken for a port without TLS, and none suggests to send the secret over http."""
    with answering(bytes((0x15, 3, 3, 0, 2, 2, code))) as url:
        said = sentence(url, secret=True)

    assert "http://" not in said
    assert "does not use TLS" not in said
    assert "TLS" in said or "certificate" in said or "server" in said
    assert len(said) < 200


def test_a_server_without_secure_renegotiation_is_named() -> None:
    """An old load balancer: its hello has no renegotiation_info (RFC 5746)."""
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2f" + b"\x00"
    message = b"\x02" + len(hello).to_bytes(3, "big") + hello
    with answering(b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message) as url:
        assert sentence(url).startswith("the server has no secure renegotiation (RFC 5746)")


def test_a_server_that_hangs_up_on_the_hello_is_named() -> None:
    """Some firewalls and load balancers do."""
    with answering(b"") as url:
        assert sentence(url, secret=True).startswith(
            "the server closed the connection during the TLS handshake"
        )


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_a_port_without_tls_never_suggests_http_with_a_secret(reply: bytes) -> None:
    """Without a secret, http may be what was meant."""
    with answering(reply) as url:
        without = sentence(url)
    with answering(reply) as url:
        secret = sentence(url, secret=True)

    assert without == "this port does not use TLS; check the port in url, or write http:// in url"
    assert secret == "this port does not use TLS; check the port in url"
