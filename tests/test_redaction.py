"""What may be shown of addresses and names that others wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight import redaction
from buildlight.redaction import MASK, basic, printable, scrub, secrets_in, shown

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


@pytest.fixture(autouse=True)
def _no_secret_is_known() -> None:
    """Let no test find what another one left behind."""
    redaction._written.cache_clear()


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
        ("https://ci.example/cc.xml", set()),
        ("https://ci.example/cc.xml?branch=main&recursive", set()),
        ("https://ci.example/cc.xml?view=all&token=", set()),
        ("https://ci.example/cc.xml?circle-TOKEN=s3%2Fcret&view=all", {"s3/cret"}),
        ("https://ci.example/cc.xml?token=a&key=b&secret=c&auth=d", {"a", "b", "c", "d"}),
        ("https://ci.example/cc.xml?passwd=a&sig=b&creds=c&code=d", {"a", "b", "c", "d"}),
        ("https://ci.example/cc.xml?x=0123456789abcdef", {"0123456789abcdef"}),
        ("https://ci.example/cc.xml?0123456789abcdef", {"0123456789abcdef"}),
        ("https://ci.example/cc.xml?x=0123456789abcde", set()),
        ("https://ci.example/cc.xml?x=a-branch-without-any-digit", set()),
        ("https://ci.example/cc.xml?x=01234567890123456789", set()),
        ("https://ci.example/cc.xml?branch=release-0123456789abcdef", set()),
        ("https://ada:s3%40cret@ci.example/", {"s3@cret", "YWRhOnMzQGNyZXQ"}),
        ("https://0123456789abcdef@ci.example/", {TOKEN, "MDEyMzQ1Njc4OWFiY2RlZjo"}),
        ("https://0123456789abcdef:@ci.example/", {TOKEN, "MDEyMzQ1Njc4OWFiY2RlZjo"}),
        ("https://0123456789abcdef:x@ci.example/", {TOKEN, "x", "MDEyMzQ1Njc4OWFiY2RlZjp4"}),
        ("https://:s3cret@ci.example/", {"s3cret", "OnMzY3JldA"}),
        ("https://ada:passW@ci.example/", {"passW", "YWRhOnBhc3NX"}),
        ("https://ada@ci.example/", set()),
        ("https://ada:s3cret@[::1/", set()),
    ],
)
def test_the_secrets_of_an_address_are_known(url: str, secrets: set[str]) -> None:
    """What a log hides of an address is also hidden where a server echoes it."""
    assert secrets_in(url) == secrets


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("nothing of the kind", "nothing of the kind"),
        ("s3 c/r+t, s3 c/r+t", "***, ***"),
        ("?x=s3%20c/r%2Bt", "?x=***"),
        ("?x=s3%20c%2Fr%2Bt", "?x=***"),
        ("?x=s3+c%2Fr%2Bt", "?x=***"),
        ("?x=s3%20c%2fr%2bt", "?x=***"),
        ("?x=s3%20c/r%2bt", "?x=***"),
        ("?next=%2Fcc.xml%3Fx%3Ds3%2520c%252Fr%252Bt", "?next=%2Fcc.xml%3Fx%3D***"),
        ("S3 C/R+T.example", "***.example"),
    ],
)
def test_an_echoed_secret_is_masked_however_it_is_written(text: str, plain: str) -> None:
    """A server that repeats the token in its error does not bring it into the log."""
    assert scrub(text, {"s3 c/r+t"}) == plain


def test_a_plus_stands_for_a_blank_and_for_nothing_else() -> None:
    """What only looks like the secret is left for a person to read."""
    assert scrub("a+b a-b", {"a-b"}) == f"a+b {MASK}"


def test_a_secret_beyond_ascii_is_masked_however_it_is_written() -> None:
    """Letters that an address writes as several bytes are found in either form."""
    assert scrub("päss p%C3%A4ss p%c3%a4ss", {"päss"}) == "*** *** ***"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    """A token that begins with another one leaves no rest behind."""
    assert scrub("abc abcdef", {"abc", "abcdef"}) == "*** ***"
    assert scrub("zc azcd", {"zc", "azcd"}) == "*** ***"


def test_a_secret_that_no_encoding_knows_is_masked_too() -> None:
    """A byte of a file that is no UTF-8 comes as half a letter, and ends nobody's poll."""
    assert scrub("a\udc80b", {"a\udc80b"}) == MASK
    assert basic("\udc80", "b") == basic("?", "b")


def test_basic_is_what_the_rfc_says() -> None:
    """The example of RFC 7617, section 2."""
    assert basic("Aladdin", "open sesame") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize("secrets", [frozenset(), frozenset({""})])
def test_without_secrets_nothing_is_masked(secrets: frozenset[str]) -> None:
    """A feed without a token, or with an empty one, is told as its server tells it."""
    assert scrub("all of it", secrets) == "all of it"


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
