"""When a follower believes what is published."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.errors import FeedError
from buildlight.feeds.mqtt.documents import Beat, Document
from buildlight.feeds.mqtt.lease import Belief, Lease
from buildlight.projects.project import Project

KEY = "feed/web"
BOOTS = ("buildlight-" + "a" * 16, "buildlight-" + "b" * 16)
ROWS = (Project("shop"),)


def a_document(boot: int = 0, rev: int = 1, fault: str | None = None) -> Document:
    """Return a document of the poller, with one project."""
    return Document(BOOTS[boot], rev, ROWS, fault)


def a_beat(boot: int = 0, seq: int = 1, rev: int = 1) -> Beat:
    """Return a sign of life of the poller."""
    return Beat(boot=BOOTS[boot], seq=seq, revs={KEY: rev})


def test_a_document_alone_proves_nothing() -> None:
    """A broker keeps documents, and the word "online", for ever."""
    lease = Lease(KEY)
    assert lease.document(a_document()) is None
    assert lease.status("online") is None
    assert lease.held
    assert not lease.confirmed


def test_a_live_beat_confirms_the_revision_it_names() -> None:
    """A beat that names another revision confirms nothing."""
    lease = Lease(KEY)
    lease.document(a_document(rev=2))
    assert lease.beat(a_beat(seq=1, rev=1), retained=False) is None
    assert lease.beat(a_beat(seq=2, rev=2), retained=False) is ROWS


@pytest.mark.parametrize("retained", [True, False])
def test_a_beat_that_was_kept_or_heard_before_is_none(*, retained: bool) -> None:
    """The broker kept the first, and a bridge replays the second."""
    lease = Lease(KEY)
    lease.document(a_document())
    assert lease.beat(a_beat(seq=5), retained=False) is ROWS
    lease.end()
    assert lease.beat(a_beat(seq=6 if retained else 5), retained=retained) is None


@pytest.mark.parametrize(
    "ending",
    [
        lambda lease: lease.status("offline"),
        lambda lease: lease.document(a_document(boot=1)),
        lambda lease: lease.beat(a_beat(boot=1), retained=False),
    ],
)
def test_the_end_of_a_lease_is_told_at_once(ending: object) -> None:
    """A farewell, a restart and a second poller do not wait for the lease to run out."""
    lease = Lease(KEY)
    lease.document(a_document())
    lease.beat(a_beat(), retained=False)
    assert callable(ending)
    assert isinstance(ending(lease), FeedError)
    assert not lease.confirmed


def test_a_fault_of_the_poller_is_a_fault_here() -> None:
    """What the poller cannot read, nobody who follows it can."""
    lease = Lease(KEY)
    lease.document(a_document(fault="HTTP 502"))
    told = lease.beat(a_beat(), retained=False)
    assert isinstance(told, FeedError)
    assert str(told) == "HTTP 502"


@dataclass(frozen=True)
class Step:
    """Anything that may come from a broker, whoever published it and in whatever order."""

    kind: str
    boot: int
    number: int
    rev: int
    retained: bool
    fault: bool


STEPS = st.builds(
    Step,
    kind=st.sampled_from(["document", "beat", "beat", "status", "lost"]),
    boot=st.integers(0, 1),
    number=st.integers(0, 6),
    rev=st.integers(1, 3),
    retained=st.booleans(),
    fault=st.booleans(),
)


def take(lease: Lease, step: Step) -> Belief:
    """Play *step*."""
    if step.kind == "document":
        return lease.document(a_document(step.boot, step.rev, "HTTP 502" if step.fault else None))
    if step.kind == "beat":
        return lease.beat(a_beat(step.boot, step.number, step.rev), retained=step.retained)
    if step.kind == "status":
        return lease.status("offline" if step.fault else "online")
    lease.end()
    return None


@given(st.lists(STEPS, max_size=40))
def test_nothing_is_green_without_a_live_beat_of_the_same_boot_and_revision(
    steps: list[Step],
) -> None:
    """Whatever comes, in whatever order."""
    lease, newest = Lease(KEY), None
    heard: dict[int, int] = {}
    for step in steps:
        believed = take(lease, step)
        if step.kind == "document" and not (
            newest and newest.boot == step.boot and step.rev <= newest.rev
        ):
            newest = step
        if isinstance(believed, tuple):
            assert step.kind == "beat"
            assert not step.retained
            assert newest is not None
            assert (newest.boot, newest.rev, newest.fault) == (step.boot, step.rev, False)
            assert step.number > heard.get(step.boot, -1)
        if step.kind == "beat" and not step.retained:
            others = {boot: -1 for boot in heard if boot != step.boot}
            heard = {**others, step.boot: max(step.number, heard.get(step.boot, -1))}
