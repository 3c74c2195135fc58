"""What a lamp has to show, written from the rules of meaning and from nothing else.

It shares no code with the program: it knows what each server answered, and when, and no more.
The words are those of the rules: what a project's word means, when it becomes its verdict, when
a feed is stale, and how what is known adds up.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

INTERVAL, DEADLINE, FAILURES = 30.0, 20.0, 3
KEPT = 1000.0
"""Seconds for which a verdict stands that nobody confirms: a day as delivered, here less."""
MAX_AGE = 3 * INTERVAL + DEADLINE
"""An old green stands no longer: 110 seconds, as the README says."""

PASSING_WORDS = {"success", "passed", "normal"}
BROKEN_WORDS = {"failure", "failed", "error", "exception", "unstable", "broken"}
BUILDING_WORDS = {"building", "running"}

COLOURS = {"broken": "red", "passing": "green", "none": "amber"}
"""The colour of each verdict; amber is the mark of what is stale, too."""


@dataclass(frozen=True)
class Said:
    """What a server says of a project."""

    name: str
    activity: str = "Sleeping"
    word: str = "Success"
    label: str = ""
    time: datetime | None = None


@dataclass
class Held:
    """What has to be held of a project."""

    verdict: str = "none"
    building: bool = False
    label: str = ""
    time: datetime | None = None
    seen: float = 0.0
    confirmed: float = 0.0
    doubted: bool = False
    """Whether a daemon before knew more of it than it could write down."""

    def doubt(self) -> None:
        """Take what is known as outdated: no green comes of it, no red is forgotten."""
        self.doubted |= self.verdict != "none"
        self.verdict = "none" if self.verdict == "passing" else self.verdict


@dataclass
class Told:
    """What a feed has told so far."""

    good: float | None = None
    failures: int = 0
    projects: dict[str, Held] = field(default_factory=dict)

    def stale(self, now: float) -> bool:
        """Never answered, failed several times in a row, or too long ago (rule 6)."""
        old = self.good is None or now >= self.good + MAX_AGE
        return old or self.failures >= FAILURES

    def hear(self, answer: Sequence[Said] | None, now: float) -> None:
        """Take one poll, ``None`` if it failed; one that shrank to nothing did (rule 7)."""
        if answer is None or (not answer and self.projects):
            self.failures += 1
            return
        blind = self.good is None or now >= self.good + MAX_AGE
        for name, held in [*self.projects.items()]:
            if blind and held.verdict == "broken":
                held.seen = now  # Red stays red: its grace begins when somebody looks again.
            if now >= held.seen + MAX_AGE and name not in {said.name for said in answer}:
                del self.projects[name]  # The grace of what is missing has run out (rule 7).
        for said in answer:
            self._take(said, now)
        for held in self.projects.values():
            if held.verdict == "passing" and now - held.confirmed >= KEPT:
                held.verdict = "none"  # What nobody confirms is no green for ever.
            held.doubted &= now - held.confirmed < KEPT
        self.good, self.failures = now, 0

    def _take(self, said: Said, now: float) -> None:
        """Rule 4, word by word."""
        first = said.name not in self.projects
        # A green of before whose grace has run out is forgotten when it comes again.
        held = self.projects.setdefault(said.name, Held(confirmed=now))
        building, word = said.activity.strip().lower() in BUILDING_WORDS, said.word.strip().lower()
        both_changed = (
            "" not in (said.label, held.label)
            and None not in (said.time, held.time)
            and said.label != held.label
            and said.time != held.time
        )
        earned = not building or first or both_changed
        adopted = word in BROKEN_WORDS or (word in PASSING_WORDS and earned)
        if adopted:
            held.verdict = "broken" if word in BROKEN_WORDS else "passing"
            held.confirmed, held.doubted = now, False
        if adopted or first:
            held.label, held.time = said.label, said.time
        held.building, held.seen = building, now


def expected(feeds: Collection[Told], excluded: Collection[str], now: float) -> str:
    """Return the name of the signal of a lamp that watches *feeds* (rules 1, 5 and 6)."""
    counted = [h for told in feeds for name, h in told.projects.items() if name not in excluded]
    broken = [held for held in counted if held.verdict == "broken"]
    stale = not counted or any(told.stale(now) or not told.projects for told in feeds)
    stale = stale or any(now - held.confirmed >= KEPT for held in broken)  # a doubtful red
    stale = stale or any(held.doubted for held in counted)
    if broken:
        building = all(held.building for held in broken)
        return "broken" + "-building" * building + "-stale" * stale
    if stale:
        return "stale"
    verdict = "passing" if any(held.verdict == "passing" for held in counted) else "none"
    return verdict + "-building" * any(held.building for held in counted)


def colours(signal: str) -> set[str]:
    """Return the colours that *signal* may light, at any moment."""
    verdict, _, marks = signal.partition("-")
    if verdict == "stale":
        return {"amber"}
    return {COLOURS[verdict]} | ({"amber"} if "stale" in marks else set())
