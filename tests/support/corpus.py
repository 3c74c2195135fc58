"""The documents in ``feeds/``: a folder a server, what is expected beside each of them.

``<server>/<name>.xml`` with ``<name>.json`` is one document. A folder ``<server>/<what>/`` is a
sequence: ``1.xml``, ``2.xml``, … as one feed answers them, and ``expected.json``. Every
expectation names the fact it was written from. All documents are our own, in the servers' shapes.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from buildlight.errors import FeedError
from buildlight.projects.ccxml import parse
from buildlight.projects.feed_state import FeedState, Freshness, News, Reading, Rules, absorb
from buildlight.projects.project import Project
from buildlight.projects.signal import RANKS, Doubt, aggregate
from support.examples import NOON

FEEDS = Path(__file__).parents[1] / "feeds" / "documents"
DOCUMENTS = tuple(sorted(FEEDS.glob("*/*.xml")))
SEQUENCES = tuple(sorted(path.parent for path in FEEDS.glob("*/*/expected.json")))

INTERVAL = 30.0
"""Seconds between two documents of a sequence."""
RULES = Rules(max_age=110.0)


def name_of(path: Path) -> str:
    """Return how a document or a sequence is called: ``travis/organisation``."""
    return path.relative_to(FEEDS).with_suffix("").as_posix()


def expected(path: Path) -> Any:
    """Return what is expected of the document or the sequence at *path*; empty if nothing is."""
    told = path / "expected.json" if path.is_dir() else path.with_suffix(".json")
    return json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}


def steps(sequence: Path) -> tuple[Path, ...]:
    """Return the documents of *sequence* in their order."""
    return tuple(sorted(sequence.glob("*.xml"), key=lambda document: int(document.stem)))


def document(name: str) -> bytes:
    """Return the document *name*: ``travis/organisation`` or ``travis/broken-and-fixed/1``."""
    return (FEEDS / f"{name}.xml").read_bytes()


def sequence(name: str) -> tuple[bytes, ...]:
    """Return the documents of the sequence *name*: ``travis/broken-and-fixed``."""
    return tuple(path.read_bytes() for path in steps(FEEDS / name))


def projects(name: str) -> tuple[Project, ...]:
    """Return the projects of the document *name*."""
    return parse(document(name))


def told(project: Project) -> Mapping[str, Any]:
    """Return *project* as an expectation spells it; no two times or zones look the same."""
    return {
        "name": project.name,
        "activity": project.activity,
        "last_build_status": project.last_build_status,
        "last_build_label": project.last_build_label,
        "last_build_time": _iso(project.last_build_time),
        "next_build_time": _iso(project.next_build_time),
        "web_url": project.web_url,
        "messages": [{"text": each.text, "kind": each.kind} for each in project.messages],
    }


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def a_reading(at: float, answer: bytes) -> Reading:
    """Return what a poll gives *at* so many seconds after noon that *answer* comes to."""
    clock = NOON + timedelta(seconds=at)
    try:
        return Reading(at, clock, parse(answer))
    except FeedError as exc:
        return Reading(at, clock, exc)


def played(
    *answers: bytes, rules: Rules = RULES, interval: float = INTERVAL
) -> Iterator[tuple[FeedState, News, str]]:
    """Yield the feed_state, the news and the lamp's signal after each of *answers*."""
    feed_state = FeedState()
    for number, answer in enumerate(answers):
        now = number * interval
        feed_state, news = absorb(feed_state, a_reading(now, answer), rules=rules)
        stale = feed_state.freshness(rules, now=now) is not Freshness.FRESH
        signal = aggregate(feed_state.projects.values(), doubts=[Doubt()] * stale)
        yield feed_state, news, RANKS[signal]


def last(
    *answers: bytes, rules: Rules = RULES, interval: float = INTERVAL
) -> tuple[FeedState, News, str]:
    """Return the feed_state, the news and the lamp's signal after the last of *answers*."""
    *_, end = played(*answers, rules=rules, interval=interval)
    return end
