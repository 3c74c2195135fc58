"""What may be shown of addresses and names that others wrote."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildlight.redaction import (
    MASK,
    basic,
    holds_part,
    holds_secret,
    identifying,
    printable,
    scrub,
    secrets_in,
    shown,
    shown_link,
)

TOKEN = "0123456789abcdef"

ADDRESSES = {
    "https://ci.example/cc.xml": "https://ci.example/cc.xml",
    "https://ci.example:8443/a/b?recursive": "https://ci.example:8443/a/b?recursive",
    "https://ci.example/cc.xml?token=s3cret": "https://ci.example/cc.xml?token=***",
    "https://ci.example/cc.xml?circle-token=s3cret&branch=main&access_token=s3cret": (
        "https://ci.example/cc.xml?circle-token=***&branch=main&access_token=***"
    ),
    "https://ci.example/x?locator=a:b&ccmenu=1": "https://ci.example/x?locator=a%3Ab&ccmenu=1",
    "https://ci.example/x?branch=a%26b%20c": "https://ci.example/x?branch=a%26b%20c",
    "https://ci.example/cc.xml?s3cret": "https://ci.example/cc.xml?***",
    "https://ci.example/cc.xml?token=": "https://ci.example/cc.xml?***",
    "https://ci.example/cc.xml?%1b[2J=s3cret": "https://ci.example/cc.xml?%1B%5B2J=***",
    "https://ci.example/cc.xml#s3cret": "https://ci.example/cc.xml",
    "https://ada:s3cret@ci.example/cc.xml": "https://***@ci.example/cc.xml",
    "https://s3cret@ci.example/cc.xml": "https://***@ci.example/cc.xml",
    "https://ada:s3@cret@ci.example/": "https://***@ci.example/",
    "//ada:s3cret@ci.example/cc.xml": "//***@ci.example/cc.xml",
    "ada:s3cret@ci.example/cc.xml": MASK,
    "https:/ada:s3cret@ci.example/cc.xml": MASK,
    "https://ada:s3cret@[::1/cc.xml": MASK,
    "ci.example/cc.xml?token=s3cret": "ci.example/cc.xml?token=***",
    "not an address": "not an address",
    "": "",
}


@pytest.mark.parametrize(("url", "expected"), ADDRESSES.items())
def test_an_address_is_shown_without_its_secrets(url: str, expected: str) -> None:
    """A log line says where a feed is, and never with which password or token."""
    assert shown(url) == expected


@given(
    secret=st.text("abcdefghij0123456789", min_size=12, max_size=20),
    shape=st.sampled_from(
        [
            "https://ci.example/cc.xml?token={}",
            "https://ci.example/cc.xml?branch=main&x={}",
            "https://ci.example/cc.xml?{}",
            "https://{}@ci.example/",
            "https://{0}:{0}@ci.example/?{0}={0}#{0}",
            "u:{}@ci.example",
        ]
    ),
)
def test_no_secret_is_ever_shown(secret: str, shape: str) -> None:
    """Wherever an address may hold a secret, the secret is masked."""
    if shape.count("{0}") > 2:
        shape = shape.replace("?{0}=", "?name=")

    assert secret not in shown(shape.format(secret))


@given(st.text())
def test_anything_can_be_written_where_an_address_should_be(text: str) -> None:
    """A mistake in the configuration is told, not answered with a traceback."""
    assert isinstance(shown(text), str)
    assert isinstance(secrets_in(text), frozenset)


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://ci.example/cc.xml?branch=main&recursive", set()),
        ("https://ci.example/cc.xml?view=all-of-it&token=", set()),
        ("https://ci.example/cc.xml?circle-TOKEN=s3%2Fcret&view=all", {"s3/cret"}),
        ("https://ci.example/cc.xml?password=s3cret&api_key=k3y-123", {"s3cret", "k3y-123"}),
        # Parameters of SonarQube, Jenkins and others, which say what is asked for.
        ("https://ci.example/cc.xml?projectKey=SHOP-web&code=shop12&author=shop-team", set()),
        ("https://ci.example/cc.xml?passed=shop-web&sig=shop-web&cred=shop-web", set()),
        ("https://ci.example/cc.xml?token=shop&secret=a", set()),
        ("https://ci.example/cc.xml?x=0123456789abcdef", {TOKEN}),
        ("https://ci.example/cc.xml?projectKey=0123456789abcdef", {TOKEN}),
        ("https://ci.example/cc.xml?0123456789abcdef", {TOKEN}),
        ("https://ci.example/cc.xml?x=0123456789abcde", set()),
        ("https://ci.example/cc.xml?x=a-branch-without-any-digit", set()),
        ("https://ci.example/cc.xml?x=01234567890123456789", set()),
        ("https://ci.example/cc.xml?branch=release-0123456789abcdef", set()),
        ("https://ada:s3%40cret@ci.example/", {"s3@cret", "ada:s3@cret"}),
        ("https://0123456789abcdef@ci.example/", {TOKEN}),
        ("https://ada:pass@ci.example/", {"ada:pass"}),
        ("https://ada@ci.example/", set()),
        ("https://ada:s3cret@[::1/", set()),
    ],
)
def test_the_secrets_of_an_address_are_known(url: str, secrets: set[str]) -> None:
    """What an output hides wherever a server echoes it: tokens and passwords, not every value."""
    assert secrets_in(url) == secrets


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://ci.example/job/shop", "https://ci.example/job/shop"),
        ("https://ada:s3cret@ci.example/job?x=1#y", "https://ci.example/job?x=1#y"),
        (
            "https://ci.example/job?token=s3cret&view=a%20b",
            "https://ci.example/job?token=***&view=a%20b",
        ),
        ("https://ada:s3cret@[::1/cc.xml", MASK),
    ],
)
def test_a_link_to_a_build_leads_there_without_its_secrets(url: str, link: str) -> None:
    """Servers that were set up with a password in their own address write it into every link."""
    assert shown_link(url) == link


def test_what_identifies_an_address_holds_nothing_that_may_be_a_secret() -> None:
    """It is stored as a digest, against which guesses could be tried."""
    address = "https://ada:s3cret@ci.example/cc.xml?key=SHOP&view=web&token=a&x=0123456789abcdef"

    assert identifying(address) == "https://ci.example/cc.xml?view=web"


# How a secret may be written.


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": lambda text: "".join(each.upper() if each.isascii() else each for each in text),
    "percent-encoded": quote,
    "percent-encoded, every byte": lambda text: "".join(f"%{each:02x}" for each in text.encode()),
    "as a form": quote_plus,
    "HTML": html.escape,
    "HTML, every letter": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "HTML, in hexadecimal": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "XML": quoteattr,
    "JSON": json.dumps,
    "JSON, beyond ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON of Go": lambda text: json.dumps(text).replace("&", "\\u0026").replace("<", "\\u003c"),
    "JSON, every letter": lambda text: "".join(
        f"\\u{each:04x}" for each in memoryview(text.encode("utf-16-le")).cast("H")
    ),
    "JavaScript": lambda text: "".join(
        f"\\x{ord(each):02x}" if ord(each) < 256 else each for each in text
    ),
    "UTF-8 read as Latin-1": lambda text: text.encode().decode("latin-1"),
}
"""Writings that are undone, over and over if need be."""
FINAL: Mapping[str, Callable[[str], str]] = {
    "base64": _in_base64,
    "base64 without padding": lambda text: _in_base64(text).rstrip("="),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 with a user": lambda text: _in_base64(f"lamp:{text}"),
    "base64 with more": lambda text: _in_base64(f"la:{text}:and more"),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
}
"""Writings in which only a secret itself is looked for."""

printable_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "),
    min_size=6,
    max_size=20,
)


@settings(max_examples=20)
@pytest.mark.parametrize("last", ["as it is", "percent-encoded", "HTML", "JSON"])
@pytest.mark.parametrize("first", [*ENCODINGS, *FINAL])
@given(secret=printable_text)
def test_an_echoed_secret_is_masked_however_it_is_written(
    first: str, last: str, secret: str
) -> None:
    """A server that repeats the token in its error does not bring it into the log."""
    written = ENCODINGS[last]({**ENCODINGS, **FINAL}[first](secret))

    plain = scrub(f"it says [{written}] of shop", {secret})

    assert plain.startswith("it says [")
    assert plain.endswith("] of shop")
    assert MASK in plain
    assert not holds_secret(plain, {secret})


@given(text=st.text(), secret=printable_text)
def test_what_holds_no_secret_stays_as_it_is(text: str, secret: str) -> None:
    """Only what stands for the secret is masked, in any text that a server may send."""
    assert (scrub(text, {secret}) != text) is holds_secret(text, {secret})


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("s3 c/r+t, s3 c/r+t", "***, ***"),
        ("?x=s3%20c%2Fr%2bt&y=1", "?x=***&y=1"),
        ("?next=%2Fcc.xml%3Fx%3Ds3%2520c%252Fr%252Bt", "?next=%2Fcc.xml%3Fx%3D***"),
        ("S3 C/R+T.example", "***.example"),
        ("s3 c/r-t s3_c/r+t s3 c", "s3 c/r-t s3_c/r+t s3 c"),
    ],
)
def test_no_more_than_the_secret_is_masked(text: str, plain: str) -> None:
    """What stands around it, and what only looks like it, is left for a person to read."""
    assert scrub(text, {"s3 c/r+t"}) == plain


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    """A token that begins with another one leaves no rest behind."""
    assert scrub("abcdef abcdefghi", {"abcdef", "abcdefghi"}) == "*** ***"
    assert scrub("bcdefg abcdefghi", {"abcdefg", "defghi"}) == "bcdefg ***"


def test_a_secret_that_no_encoding_knows_is_masked_too() -> None:
    """A byte of a file that is not UTF-8 comes as half a letter, and ends nobody's poll."""
    assert scrub("s3cret\udc80b", {"s3cret\udc80b"}) == MASK
    assert basic("\udc80", "b") == basic("?", "b")


@pytest.mark.parametrize("secret", ["", "a", "shop", "shop1"])
def test_a_short_secret_is_not_looked_for(secret: str) -> None:
    """A password `shop` would be found in half of the names; such secrets are refused before."""
    assert scrub("shop-web shop1 passes", {secret}) == "shop-web shop1 passes"


def test_basic_is_what_the_rfc_says() -> None:
    """The example of RFC 7617, section 2."""
    assert basic("Aladdin", "open sesame") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop", "shop"),
        ("Läden » Kasse (über)", "Läden » Kasse (über)"),
        ("", ""),
        ("\x1b[2Jshop\r\n\x07", "�[2Jshop���"),
        ("shop\N{RIGHT-TO-LEFT OVERRIDE}pohs", "shop�pohs"),
        ("a\tb\N{LINE SEPARATOR}c\x9b", "a�b�c�"),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 79 + "…"),
        ("a" * 10_000, "a" * 79 + "…"),
    ],
)
def test_a_name_is_shown_as_a_terminal_may_print_it(text: str, expected: str) -> None:
    """A project's name can neither clear the screen nor fill it."""
    assert printable(text) == expected


@given(text=st.text(), limit=st.integers(1, 100))
def test_printable_text_is_one_short_line_without_orders(text: str, limit: int) -> None:
    """Whatever a stranger calls a project, a terminal shows one short line of it."""
    plain = printable(text, limit=limit)

    assert plain.isprintable()
    assert len(plain) == min(len(text), limit)


def test_a_part_of_a_secret_is_found() -> None:
    """A server that cuts a token in an address still has not got it into the log."""
    assert holds_part("https://ci.example/s3cret-to/ken", {"s3cret-token"})
    assert not holds_part("https://ci.example/", {"s3cret-token"})


def test_a_secret_in_another_escape_is_found() -> None:
    """Percent signs may stand for letters of another code than UTF-8."""
    assert scrub("user=M%FCller1", {"Müller1"}) == "user=***"
