"""Encodings of XML that the parser does not know, or that servers declare wrongly. Pure.

The parser (expat) reads UTF-8, UTF-16 and single-byte encodings, and trusts the declaration. All
other encodings are converted to UTF-8 here.
"""

import re
from collections.abc import Mapping

from buildlight.errors import FeedMalformed

_DECLARATION = re.compile(rb"\s*<\?xml\b[^>]{0,200}?\?>")
_ENCODING = re.compile(rb"\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"

# Multi-byte encodings, and the codec that reads each like browsers do.
_CODECS: Mapping[str, str] = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "gb_2312-80", "cp936"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "windows-31j", "cp932"), "cp932"),
    **dict.fromkeys(("big5", "big5-hkscs", "cp950"), "big5hkscs"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "cp949"), "cp949"),
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
}
# Further names in a Content-Type; the codecs have Python's names.
_OF_ONE_BYTE = re.compile(r"iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|us-ascii")


def in_utf8(document: bytes, content_type: str = "") -> bytes:
    """Return *document* in an encoding that the parser reads; usually the same object.

    *content_type* is the header. Its charset counts only if the document declares no encoding and
    is not UTF-8. By RFC 7303 it would always count, but web frameworks often add a wrong one.
    Raises :class:`FeedMalformed` for a document that is not in the encoding it declares.
    """
    if document.startswith(_MARKS):
        return document
    declaration = _DECLARATION.match(document.removeprefix(_UTF_8_MARK))
    name = _ENCODING.search(declaration[0]) if declaration else None
    if name is not None:
        declared = name[1].decode().lower()
    elif (charset := _CHARSET.search(content_type)) and not _is_utf8(document):
        declared = charset[1].lower()
        if not _OF_ONE_BYTE.fullmatch(declared) and declared not in _CODECS:
            return document
    else:
        return document
    if declared in ("utf-16", "utf-16le", "utf-16be", "ucs-2"):
        # The declaration was readable as ASCII, so UTF-16 is wrong: .NET declares its strings so.
        codec = "utf-8"
    elif declared in _CODECS:
        codec = _CODECS[declared]
    elif name is None:
        codec = declared
    else:
        return document
    return _transcoded(document, codec, declared)


def _transcoded(document: bytes, codec: str, declared: str) -> bytes:
    body = document.removeprefix(_UTF_8_MARK)
    declaration = _DECLARATION.match(body)
    try:
        return body[declaration.end() if declaration else 0 :].decode(codec).encode()
    except (UnicodeError, LookupError) as exc:
        raise FeedMalformed(
            f"declares the encoding {declared}, but is in another; correct it on the server"
        ) from exc


def _is_utf8(document: bytes) -> bool:
    try:
        document.decode()
    except UnicodeDecodeError:
        return False
    return True
