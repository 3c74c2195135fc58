"""What may be shown of addresses and names that others wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.redaction import MASK, printable, shown

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
