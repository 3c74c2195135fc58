"""When a follower believes what is published: only while somebody vouches for it. Pure.

A broker keeps documents for ever, so a document says nothing about its age. A beat cannot be
kept: it is not retained, and its number rises. A document is confirmed by a live beat of the same
boot that names its revision, and by nothing else.
"""

from buildlight.errors import FeedError, FeedUnreachable
from buildlight.feeds.mqtt.documents import Beat, Document
from buildlight.projects.project import Project

LEASE = 15.0
"""Seconds for which one beat vouches; a poller sends one every five."""

Belief = tuple[Project, ...] | FeedError | None
"""What to believe now; ``None``: no more and no less than before."""

OFFLINE = "offline"


class Lease:
    """What one feed's follower holds; *key* is the feed's name in a beat."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._held: Document | None = None
        self._confirmed = False
        self._heard: tuple[str, int] = ("", -1)

    @property
    def held(self) -> bool:
        """Whether a document has come."""
        return self._held is not None

    @property
    def confirmed(self) -> bool:
        """Whether the document that is held was confirmed, and nothing ended that since."""
        return self._confirmed

    def document(self, document: Document) -> Belief:
        """Take *document*; one of another boot ends the lease at once."""
        before = self._held
        if before is not None and before.boot == document.boot and document.rev <= before.rev:
            return None  # Late, or once more: each connection begins with it.
        self._held = document
        if before is None or before.boot == document.boot:
            return None
        return self._end("the poller was restarted; its first beat has not come yet")

    def beat(self, beat: Beat, *, retained: bool) -> Belief:
        """Take *beat*; one that was kept by the broker, or that was heard before, is none."""
        boot, seq = self._heard
        if retained or (beat.boot == boot and beat.seq <= seq):
            return None
        self._heard = beat.boot, beat.seq
        held = self._held
        if held is None:
            return None
        if beat.boot != held.boot:
            return self._end("two pollers publish here; give one of them another name")
        if beat.revs.get(self._key) != held.rev:
            return None  # It may have overtaken the document that it names.
        self._confirmed = True
        return held.projects if held.fault is None else FeedUnreachable(held.fault)

    def status(self, word: str) -> Belief:
        """Take the poller's *word* about itself."""
        return self._end("the poller has stopped") if word == OFFLINE else None

    def end(self) -> None:
        """Believe nothing until the next beat: the connection was lost."""
        self._confirmed = False

    def _end(self, why: str) -> Belief:
        believed, self._confirmed = self._confirmed, False
        return FeedUnreachable(why) if believed else None
