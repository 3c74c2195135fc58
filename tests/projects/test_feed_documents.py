"""Every server's documents and sequences in ``feeds/``, against what is expected of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from buildlight import errors
from buildlight.projects.ccxml import parse, write
from buildlight.projects.feed_state import FeedState, News
from support.corpus import DOCUMENTS, FEEDS, SEQUENCES, expected, name_of, played, steps, told

BUILDS = frozenset({"started", "broken", "fixed"})
WHEN_OVER = frozenset({"broken", "fixed"})

# The servers of the field, and what the sequences of each have to tell at least. Kraken lists
# completed builds only; Bob gives every run a row of its own, which nothing fixes.
SERVERS: Mapping[str, frozenset[str]] = {
    "aws": BUILDS,
    "bamboo": BUILDS,
    "blazar": BUILDS,
    "bob": frozenset({"broken"}),
    "buildkite": BUILDS,
    "ccnet": BUILDS,
    "circleci": BUILDS,
    "cirrus": BUILDS,
    "concourse": BUILDS,
    "cruisecontrol": BUILDS,
    "cruisecontrolrb": BUILDS,
    "drone": BUILDS,
    "github-actions": BUILDS,
    "gocd": BUILDS,
    "jenkins": BUILDS,
    "kraken": WHEN_OVER,
    "phpci": BUILDS,
    "rebelinblue": BUILDS,
    "semaphore": BUILDS,
    "shipit": BUILDS,
    "snap": BUILDS,
    "solano": BUILDS,
    "standard": BUILDS,
    "teamcity": BUILDS,
    "travis": BUILDS,
    "woodpecker": BUILDS,
}

FEED_DOCUMENTS = [path for path in DOCUMENTS if "projects" in expected(path)]
OTHER_DOCUMENTS = [path for path in DOCUMENTS if "error" in expected(path)]

servers = pytest.mark.parametrize("server", SERVERS)
documents = pytest.mark.parametrize("path", FEED_DOCUMENTS, ids=name_of)
refused = pytest.mark.parametrize("path", OTHER_DOCUMENTS, ids=name_of)
sequences = pytest.mark.parametrize("path", SEQUENCES, ids=name_of)


def test_the_corpus_is_there() -> None:
    """A checkout that lost its documents does not pass for a tested one."""
    assert FEED_DOCUMENTS
    assert OTHER_DOCUMENTS
    assert SEQUENCES


def test_every_folder_is_a_server_of_the_table() -> None:
    """A server is added in both places, or in none."""
    assert sorted(path.name for path in FEEDS.iterdir()) == sorted(SERVERS)


@servers
def test_a_server_has_a_document_and_a_sequence(server: str) -> None:
    """Whoever points the lamp at this server knows that somebody tried its shape."""
    assert list((FEEDS / server).glob("*.xml"))
    assert list((FEEDS / server).glob("*/expected.json"))


@servers
def test_every_document_has_an_expectation_and_nothing_else_lies_about(server: str) -> None:
    """No document is read without being checked, and no expectation is forgotten."""
    entries = list((FEEDS / server).iterdir())
    folders = {path.name for path in entries if path.is_dir()}
    names = {suffix: {path.stem for path in entries if path.suffix == suffix} for suffix in KINDS}

    assert names[".xml"] == names[".json"]
    assert {path.suffix for path in entries if path.is_file()} == KINDS
    assert folders == {path.name for path in SEQUENCES if path.parent.name == server}


KINDS = {".xml", ".json"}


@servers
def test_a_server_starts_breaks_and_fixes_a_build(server: str) -> None:
    """The whole life of a build was played, as far as this server tells it."""
    mine = [path for path in SEQUENCES if path.parent.name == server]
    events = {
        event for path in mine for step in expected(path)["after"] for event, _ in step["events"]
    }

    assert events >= SERVERS[server]


@pytest.mark.parametrize("path", [*DOCUMENTS, *SEQUENCES], ids=name_of)
def test_an_expectation_names_its_source(path: Path) -> None:
    """Whoever doubts an expectation can look up why it was written."""
    assert expected(path).get("source")


@sequences
def test_a_sequence_is_whole(path: Path) -> None:
    """Documents are numbered from 1 without a gap, and each is checked."""
    names = [f"{number}.xml" for number in range(1, len(list(path.iterdir())))]

    assert [document.name for document in steps(path)] == names
    assert [step["document"] for step in expected(path)["after"]] == names


@documents
def test_a_document_gives_its_projects(path: Path) -> None:
    """What the server says arrives, every word of it, and nothing is made up."""
    projects = parse(path.read_bytes())

    assert [told(project) for project in projects] == expected(path)["projects"]


@refused
def test_a_document_that_is_no_feed_is_said_in_a_sentence(path: Path) -> None:
    """Whoever gets a denial, a login page or half an answer reads which, and no lamp is green."""
    expectation = expected(path)

    with pytest.raises(getattr(errors, expectation["error"])) as caught:
        parse(path.read_bytes())

    assert str(caught.value) == expectation["sentence"]


@documents
def test_what_is_read_can_be_written_and_read_again(path: Path) -> None:
    """Our own cc.xml tells the next lamp what this server told us, times without a zone too."""
    projects = parse(path.read_bytes())

    again = parse(write(projects))

    assert again == projects
    assert [told(project) for project in again] == [told(project) for project in projects]


@sequences
def test_a_sequence_lights_the_lamp_truthfully(path: Path) -> None:
    """From one answer to the next, the lamp keeps what it knows and announces what is new."""
    answers = [document.read_bytes() for document in steps(path)]

    after = [
        as_told(f"{number}.xml", *moment) for number, moment in enumerate(played(*answers), start=1)
    ]

    assert after == expected(path)["after"]


def as_told(document: str, feed_state: FeedState, news: News, signal: str) -> Mapping[str, Any]:
    """Return a moment of a sequence as its expectation spells it."""
    moment: dict[str, Any] = {
        "document": document,
        "projects": [
            {"name": name, "verdict": known.verdict.value, "building": known.building}
            for (name, _), known in feed_state.projects.items()
        ],
        "signal": signal,
        "events": [[each.event.value, each.name] for each in news.events],
    }
    if feed_state.error is not None:
        moment["fault"] = str(feed_state.error)
    if news.dropped:
        moment["dropped"] = list(news.dropped)
    return moment
