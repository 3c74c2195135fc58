"""A document takes work in proportion to its length, however hostile it is.

Counted, not timed: the calls that Python makes, and the bytes that expat looks at. It looks once
more at an unfinished token whenever it is fed, which is what makes a careless reader quadratic.
Pairing what was read with what is remembered is quadratic if each project looks at all others.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from defusedxml.ElementTree import DefusedXMLParser

from buildlight.errors import FeedError
from buildlight.projects import ccxml
from buildlight.projects.feed_state import FeedState, Reading, Rules, absorb
from buildlight.projects.project import Project
from support.examples import NOON, a_project

HEAD = b"<Projects>"
PROJECT = b'<Project name="p" activity="Sleeping" lastBuildStatus="Success"/>'
SIZES = (1, 2, 4)

HOSTILE: Mapping[str, Callable[[int], bytes]] = {
    "projects": lambda n: HEAD + PROJECT * n * 300 + b"</Projects>",
    "one long name": lambda n: HEAD + b'<Project name="' + b"n" * n * 200_000,
    "nested tags": lambda n: HEAD + b"<a>" * n * 20_000,
    "nested tags that close": lambda n: HEAD + b"<a></a>" * n * 10_000,
    "one long comment": lambda n: HEAD + b"<!--" + b"- " * n * 100_000,
    "comments": lambda n: HEAD + b"<!---->" * n * 10_000,
    "one long instruction": lambda n: HEAD + b"<?x " + b"? " * n * 100_000,
    "instructions": lambda n: HEAD + b"<?x y?>" * n * 10_000,
    "CDATA": lambda n: HEAD + b"<![CDATA[" + b"]]" * n * 100_000,
    "attributes": lambda n: (
        HEAD + b"<Project " + b" ".join(b'a%d=""' % each for each in range(n * 2_000)) + b"/>"
    ),
    "namespaces": lambda n: (
        HEAD + b"".join(b'<x xmlns:a%d="u:%d"/>' % (each, each) for each in range(n * 1_000))
    ),
    "messages": lambda n: HEAD + b"<Project>" + b'<message text="x"/>' * n * 3_000,
    "references": lambda n: HEAD + b"&#65;" * n * 20_000,
    "white space": lambda n: b" " * n * 200_000 + HEAD + b" " * n * 200_000,
    "a declaration of a doctype": lambda n: b"<!DOCTYPE x [" + b"<!-- -->" * n * 20_000,
    "letters of three bytes": lambda n: HEAD + "€".encode() * n * 60_000,
    "brackets": lambda n: HEAD + b"<" * n * 100_000,
}


class _Counting(DefusedXMLParser):  # type: ignore[misc]
    looked_at = 0

    def feed(self, part: bytes) -> Any:
        type(self).fed += len(part)
        type(self).looked_at += type(self).fed - max(self.parser.CurrentByteIndex, 0)
        return super().feed(part)

    fed = 0


def work(document: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Return the calls that Python makes to read *document*, and the bytes that expat looks at."""
    _Counting.looked_at = _Counting.fed = 0
    monkeypatch.setattr(ccxml, "DefusedXMLParser", _Counting)
    return calls_of(lambda: _parse(document)), _Counting.looked_at


def _parse(document: bytes) -> None:
    with suppress(FeedError):
        ccxml.parse(document)


def calls_of(action: Callable[[], object]) -> int:
    """Return the calls that Python makes to do *action*."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("shape", HOSTILE)
def test_twice_the_document_is_at_most_twice_the_work(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For four times the length, too; and no byte is looked at more often than three times."""
    documents = [HOSTILE[shape](size) for size in SIZES]

    calls, looked_at = zip(*(work(each, monkeypatch) for each in documents), strict=True)

    assert calls[1] <= 2.2 * calls[0] + 200
    assert calls[2] <= 2.2 * calls[1] + 200
    for document, seen in zip(documents, looked_at, strict=True):
        assert seen <= 3 * (len(document) + ccxml.SLICE)


class _Address(str):
    """An address that counts as a call whenever it is compared with another or looked up."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


STATUSES = ("Success", "Failure", "Unknown")

# The addresses of so many projects of one name, at each of several polls.
NAMESAKES: Mapping[str, Callable[[int, int], list[str]]] = {
    "no address": lambda n, _poll: [""] * n,
    "addresses of their own": lambda n, _poll: [f"/{each}" for each in range(n)],
    "in another order": lambda n, poll: [f"/{each}" for each in range(n)][:: (-1) ** poll],
    "other addresses each time": lambda n, poll: [f"/{poll}/{each}" for each in range(n)],
    "addresses that two share": lambda n, _poll: [f"/{each // 2}" for each in range(n)],
    "fewer each time": lambda n, poll: [""] * (n // (poll + 1)),
    "more each time": lambda n, poll: [""] * (n // (3 - poll)),
    "one that is left": lambda n, poll: [f"/{each}" for each in range(1 if poll else n)],
}


def _namesakes(addresses: list[str], poll: int) -> tuple[Project, ...]:
    return tuple(
        a_project(
            last_build_status=STATUSES[(number + poll) % 3],
            last_build_label=str(poll),
            web_url=_Address(address),
        )
        for number, address in enumerate(addresses)
    )


def _polled(answers: list[tuple[Project, ...]]) -> None:
    feed_state = FeedState()
    for poll, projects in enumerate(answers):
        feed_state, _ = absorb(feed_state, Reading(30.0 * poll, NOON, projects), rules=Rules(110.0))


@pytest.mark.parametrize("rows", NAMESAKES)
def test_a_name_that_is_repeated_is_work_in_proportion(rows: str) -> None:
    """Three polls of twice as many projects of one name are at most twice the work."""
    polls = range(3)
    answers = [
        [_namesakes(NAMESAKES[rows](size * 300, poll), poll) for poll in polls] for size in SIZES
    ]

    calls = [calls_of(partial(_polled, each)) for each in answers]

    assert calls[1] <= 2.2 * calls[0] + 200
    assert calls[2] <= 2.2 * calls[1] + 200
