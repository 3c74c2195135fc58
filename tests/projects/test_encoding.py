"""Encodings: declared, only in the header, or declared wrongly."""

import pytest

from buildlight.errors import FeedMalformed
from buildlight.projects.ccxml import parse
from buildlight.projects.encoding import in_utf8


def document(name: str, encoding: str, *, declared: str | None = None) -> bytes:
    """Return a feed of one project called *name*, in *encoding*."""
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    element = f'<Project name="{name}" activity="Sleeping" lastBuildStatus="Success"/>'
    return f"{declaration}<Projects>{element}</Projects>".encode(encoding)


def name_in(data: bytes, content_type: str = "") -> str:
    """Return the name of the project in the document *data*."""
    (project,) = parse(in_utf8(data, content_type))
    return project.name


@pytest.mark.parametrize(
    ("name", "encoding", "declared"),
    [
        ("Büro", "utf-8", "UTF-16"),
        ("Büro", "utf-8-sig", "utf-16"),
        ("Büro", "utf-16", "utf-16"),
        ("Büro", "utf-8", None),
        ("Büro", "latin-1", "ISO-8859-1"),
        ("Büro", "cp1252", "windows-1252"),
        ("商店", "gb2312", "GB2312"),
        ("商店", "gb18030", "gbk"),
        ("商店", "big5", "Big5"),
        ("店舗", "shift_jis", "Shift_JIS"),
        ("店舗", "euc_jp", "EUC-JP"),
        ("상점", "euc_kr", "euc-kr"),
    ],
)
def test_a_declared_encoding_is_read(name: str, encoding: str, declared: str | None) -> None:
    """Also UTF-16 that is UTF-8, as .NET writes it, and encodings that the parser does not know."""
    assert name_in(document(name, encoding, declared=declared)) == name


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("latin-1", "text/xml; charset=ISO-8859-1"),
        ("cp1252", 'application/xml;charset="windows-1252"'),
        ("utf-8", "text/xml; charset=ISO-8859-1"),
        ("utf-8", "text/xml; charset=none-that-exists"),
    ],
)
def test_a_charset_only_in_the_header_is_read(encoding: str, content_type: str) -> None:
    """And a wrong one does no harm to a document in UTF-8."""
    assert name_in(document("Büro", encoding), content_type) == "Büro"


def test_a_declaration_wins_over_the_header() -> None:
    """Frameworks add a charset to everything; the document knows better."""
    data = document("Büro", "cp1252", declared="windows-1252")

    assert name_in(data, "text/xml; charset=utf-8") == "Büro"


@pytest.mark.parametrize("declared", ["gb2312", "utf-16"])
def test_a_document_in_another_encoding_is_named(declared: str) -> None:
    """The sentence says which encoding the document claims to have."""
    data = document("Büro", "latin-1", declared=declared).replace(b"\xfc", b"\xff\xff")

    with pytest.raises(FeedMalformed, match=f"declares the encoding {declared}, but is in another"):
        in_utf8(data)


def test_a_plain_document_is_not_copied() -> None:
    """Nearly every feed is UTF-8: nothing is done to it."""
    data = document("shop", "utf-8", declared="utf-8")

    assert in_utf8(data) is data


def test_an_unknown_charset_in_the_header_changes_nothing() -> None:
    """The parser says what is wrong with the document."""
    data = document("Büro", "latin-1")

    assert in_utf8(data, "text/xml; charset=none-that-exists") is data
