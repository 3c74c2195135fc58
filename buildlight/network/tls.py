"""TLS: which certificates are trusted, and what a failed handshake means."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust: the system's store and *ca_file*; with *verify* false, everybody.

    *client_cert* and *client_key* are files in PEM form, for servers that require a certificate;
    the key may be in the file of the certificate.
    """

    ca_file: str | None = None
    verify: bool = True
    client_cert: str | None = None
    client_key: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return the settings for Python's ``ssl``; raises OSError for an unusable file."""
        # The system's store, not certifi's: an office's own authority is installed there.
        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_cert is not None:
            # Without a callback, OpenSSL would ask the terminal for the password of a key.
            context.load_cert_chain(self.client_cert, self.client_key, password=lambda: b"")
        return context


def tls_sentence(error: ssl.SSLError, *, has_secret: bool) -> str:
    """Return what *error* means and what to do about it.

    With *has_secret*, it never suggests http, which would send the secret unencrypted.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_sentence(error)
    reason = _reason(error)
    if reason in _NOT_TLS:
        return _NO_TLS if has_secret else f"{_NO_TLS}, or write http:// in url"
    what = reason.lower().replace("_", " ")
    return _SENTENCES.get(reason, f"TLS handshake failed ({what}); check the server's TLS settings")


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's name of *error*, without the version of TLS in front of an alert."""
    # Where Python has no name for a reason, OpenSSL's text in the message is the same in words.
    words = re.search(r"\] (.+) \(_ssl", str(error))
    name = error.reason or (words[1].upper().replace(" ", "_") if words else "UNKNOWN_ERROR")
    return re.sub(r"^(SSLV3|TLSV1|TLSV13)_(ALERT_)?", "", name)


_NO_TLS = "this port does not use TLS; check the port in url"

# What OpenSSL makes of bytes that are not TLS.
_NOT_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_TOO_SMALL"}
)

_OLD_TLS = "the server offers only TLS 1.1 or older; enable TLS 1.2 on it"
_WEAK = "the server uses a key or signature that is too weak; renew its certificate"
_CIPHERS = "the server offers only ciphers that are too old; update its TLS settings"
_NEEDS_CERTIFICATE = "the server requires a client certificate; set client_cert and client_key"
_WRONG_CERTIFICATE = "the server rejected the client certificate; check client_cert"

_SENTENCES: Mapping[str, str] = {
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "PROTOCOL_VERSION": _OLD_TLS,
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "WRONG_SIGNATURE_TYPE": _WEAK,
    "NO_SHARED_CIPHER": _CIPHERS,
    "INSUFFICIENT_SECURITY": _CIPHERS,
    # TLS 1.2 has one alert for both.
    "HANDSHAKE_FAILURE": "TLS handshake refused: the server requires a client certificate "
    "(client_cert) or offers only ciphers that are too old",
    "CERTIFICATE_REQUIRED": _NEEDS_CERTIFICATE,
    "NO_CERTIFICATE": _NEEDS_CERTIFICATE,
    "BAD_CERTIFICATE": _WRONG_CERTIFICATE,
    "UNSUPPORTED_CERTIFICATE": _WRONG_CERTIFICATE,
    "CERTIFICATE_REVOKED": _WRONG_CERTIFICATE,
    "CERTIFICATE_EXPIRED": _WRONG_CERTIFICATE,
    "CERTIFICATE_UNKNOWN": _WRONG_CERTIFICATE,
    "UNKNOWN_CA": _WRONG_CERTIFICATE,
    "ACCESS_DENIED": _WRONG_CERTIFICATE,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "the server has no secure renegotiation (RFC 5746); "
    "update its TLS library",
    "NO_APPLICATION_PROTOCOL": "the server offers only HTTP/2; enable HTTP/1.1 on it",
    "UNRECOGNIZED_NAME": "the server does not know this host name; check the host in url",
    "INTERNAL_ERROR": "the server reports an internal TLS error; check the host in url, and its "
    "log",
    "UNEXPECTED_EOF_WHILE_READING": "the server closed the connection during the TLS handshake; "
    "check the port, and its log",
}


def _certificate_sentence(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
        # A Pi has no clock of its own: until the network sets it, it lives in the past.
        when = "not valid yet" if error.verify_code == _NOT_YET_VALID else "expired"
        today = f"{datetime.now(tz=UTC):%Y-%m-%d}"
        return f"the certificate is {when}; renew it, or set this machine's clock: it says {today}"
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return "the certificate belongs to another name; check the host in url"
    why = error.verify_message.rstrip(".")
    return f"the certificate is not trusted: {why}; set ca_file for an authority of your own"


# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH and
# _IP_ADDRESS_MISMATCH.
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
