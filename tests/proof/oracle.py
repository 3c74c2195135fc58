"""What a lamp has to show, written from the rules of meaning and from nothing else.

It shares no code with the program: it knows what each server answered, and when, and no more.
The words are those of the rules: what a project's word means, when it becomes its verdict, when
a feed is stale, and how what is known adds up.
"""

import math
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

INTERVAL, DEADLINE, FAILURES = 30.0, 20.0, 3
KEPT = 1000.0
"""Seconds for which a verdict stands that nobody confirms: a day as delivered, here less."""
MAX_AGE = 3 * INTERVAL + DEADLINE
"""An old green stands no longer: 110 seconds, as the README says."""
FORGET = 900.0
"""Seconds for which a red project is kept that is missing from good answers."""

PASSING_WORDS = {"success", "passed", "normal", "passing", "succeeded", "successful"}
BROKEN_WORDS = {"failure", "failed", "failing", "unstable", "broken", "startup_failure"} | {
    "error", "errored", "exception", "timed_out", "timedout", "partiallysucceeded"
}  # fmt: skip
QUIET_WORDS = {"", "unknown", "pending", "cancelled", "canceled", "aborted", "skipped"}
BUILDING_WORDS = {"building", "running"}
IDLE_WORDS = {"", "sleeping", "checkingmodifications", "pending"}

COLOURS = {"broken": "red", "passing": "green", "none": "amber"}
"""The colour of each verdict; amber is the mark of what is stale, too."""

Build = tuple[str, datetime | None]
"""A label and a time."""

Who = tuple[str, str]
"""A project's name, and which one of that name it really is: the program cannot see that."""


@dataclass(frozen=True)
class Said:
    """What a server says of a project."""

    name: str
    activity: str = "Sleeping"
    word: str = "Success"
    label: str = ""
    time: datetime | None = None
    twin: str = ""
    doubt: bool = False
    """Whether the row stands for a feed in doubt of another buildlight, and is no project."""

    @property
    def who(self) -> Who:
        """Two spellings of a name are one name."""
        return unicodedata.normalize("NFC", self.name), self.twin

    @property
    def definite(self) -> bool:
        """Whether the word makes a verdict."""
        return self.word.strip().lower() in PASSING_WORDS | BROKEN_WORDS


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
    missing: bool = False
    odd: bool = False
    """Whether its last word is one that nobody knows."""
    stand_in: bool = False
    """Whether it is another buildlight's doubt, which may go as it came."""
    announced: Build = ("", None)
    """The build that was told last: of one there is one event."""
    announced_running: bool = False
    """Whether the build that runs was told already, as it turned red before its end."""

    def wake(self, confirmed: float) -> None:
        """Take what was kept over a restart, *confirmed* at that second."""
        self.building = self.missing = self.odd = self.stand_in = False
        self.announced_running = False
        self.confirmed, self.seen = confirmed, -math.inf
        self.announced = self.label, self.time

    def doubt(self) -> None:
        """Take what is known as outdated: no green comes of it, no red is forgotten."""
        self.doubted |= self.verdict != "none"
        self.verdict = "none" if self.verdict == "passing" else self.verdict

    def unsure(self, now: float) -> bool:
        """Return whether no green may be shown because of it."""
        red = self.verdict == "broken" and (self.missing or now - self.confirmed >= KEPT)
        return red or self.doubted or (self.odd and now - self.confirmed >= MAX_AGE)


@dataclass
class Told:
    """What a feed has told so far."""

    good: float | None = None
    failures: int = 0
    projects: dict[Who, Held] = field(default_factory=dict)
    strangers: tuple[frozenset[str], float] = (frozenset(), 0.0)
    """Names that are not believed yet, and since when they are there."""
    turns: list[tuple[str, str]] = field(default_factory=list)
    """Each ``broken`` and ``fixed`` that has to be told, with the name of the project."""
    repeats: list[tuple[str, str]] = field(default_factory=list)
    """Each ``still-broken`` that may be told."""

    def stale(self, now: float) -> bool:
        """Never answered, failed several times in a row, or too long ago (rule 6)."""
        old = self.good is None or now >= self.good + MAX_AGE
        return old or self.failures >= FAILURES

    def hear(self, answer: Sequence[Said] | None, now: float) -> None:
        """Take one poll, ``None`` if it failed; an answer that proves nothing did (rule 7)."""
        if answer is None or (not answer and self.projects):
            self.strangers = frozenset(), 0.0
            self.failures += 1
            return
        if self._stand_in(answer, now):
            self.failures += 1
            return
        self.strangers = frozenset(), 0.0
        self._recognize(answer)
        self._miss({said.who for said in answer}, now)
        for said in answer:
            self._take(said, now)
        for held in self.projects.values():
            if held.verdict == "passing" and now - held.confirmed >= KEPT:
                held.verdict = "none"  # What nobody confirms is no green for ever.
            held.doubted &= now - held.confirmed < KEPT
        self.good, self.failures = now, 0

    def _stand_in(self, answer: Sequence[Said], now: float) -> bool:
        """Return whether other projects stand where known ones stood, and prove nothing."""
        names = {said.who[0] for said in answer}
        present = {
            name for (name, _), held in self.projects.items() if not (held.missing or held.stand_in)
        }
        new = frozenset(names - {name for name, _ in self.projects})
        definite = {said.who[0] for said in answer if said.definite}
        if present <= names or not new or (present & names and new & definite):
            return False
        if self.strangers[0] != new:
            self.strangers = new, now
        return not (new <= definite and now - self.strangers[1] >= MAX_AGE)

    def _recognize(self, answer: Sequence[Said]) -> None:
        """Take one that comes while one of its name goes for the same: nothing tells them apart.

        The reds go first, and to those with a verdict: what is left of them, nothing excuses.
        """
        there = {said.who for said in answer}
        for said in sorted(answer, key=lambda said: not said.definite):
            gone = [who for who in self.projects if who[0] == said.who[0] and who not in there]
            if said.who not in self.projects and gone:
                red = min(gone, key=lambda who: self.projects[who].verdict != "broken")
                self.projects[said.who] = self.projects.pop(red)

    def _miss(self, there: Collection[Who], now: float) -> None:
        """Give up what is missing for too long; what nobody could see is missing from now on."""
        blind = self.good is None or now >= self.good + MAX_AGE
        for who, held in [*self.projects.items()]:
            red = held.verdict == "broken"
            was_missing, held.missing = held.missing, who not in there
            if held.missing and held.stand_in:
                del self.projects[who]
                continue
            if blind and red and not was_missing:
                held.seen = now
            if held.missing and now >= held.seen + (FORGET if red else MAX_AGE):
                del self.projects[who]

    def _take(self, said: Said, now: float) -> None:
        """Rule 4, word by word."""
        first = said.who not in self.projects
        if said.time is not None and not 1990 <= said.time.year < 2090:
            said = replace(said, time=None)
        # A green of before whose grace has run out is forgotten when it comes again.
        held = self.projects.setdefault(said.who, Held(confirmed=now))
        before, held.stand_in = held.verdict, said.doubt
        activity, word = said.activity.strip().lower(), said.word.strip().lower()
        building = activity in BUILDING_WORDS
        both_changed = (
            "" not in (said.label, held.label)
            and None not in (said.time, held.time)
            and said.label != held.label
            and said.time != held.time
        )
        same = (said.label, said.time) == (held.label, held.time) != ("", None)
        if building:
            earned = first or both_changed
        else:
            earned = activity in IDLE_WORDS or held.verdict != "broken" or not same
        if first:
            held.announced = said.label, said.time
        if word in BROKEN_WORDS or (word in PASSING_WORDS and earned):
            held.verdict = "broken" if word in BROKEN_WORDS else "passing"
            held.confirmed, held.doubted = now, False
            held.label, held.time = said.label, said.time
            self._announce(said, held, before, turned=first or held.verdict != before)
        elif first:
            held.label, held.time = said.label, said.time
        turned = first or held.verdict != before
        held.announced_running &= building
        held.announced_running |= building and turned and held.verdict == "broken"
        held.odd = word not in PASSING_WORDS | BROKEN_WORDS | QUIET_WORDS
        held.building, held.seen = building, now

    def _announce(self, said: Said, held: Held, before: str, *, turned: bool) -> None:
        """Tell what a definite word tells, once a build and not of the first answer (rule 8)."""
        build, name = (said.label, said.time), said.who[0]
        idle = said.activity.strip().lower() not in BUILDING_WORDS
        if self.good is not None and (before, held.verdict) == ("broken", "passing"):
            self.turns.append(("fixed", name))
        elif self.good is not None and before != "broken" == held.verdict:
            self.turns.append(("broken", name))
        elif self.good is not None and before == held.verdict == "broken" and idle:
            ended = held.building and not held.announced_running
            if ended or build != held.announced:
                self.repeats.append(("still-broken", name))
        if idle or turned:
            held.announced = build


def expected(
    feeds: Collection[Told],
    excluded: Collection[str],
    now: float,
    *,
    included: Collection[str] = (),
) -> str:
    """Return the name of the signal of a lamp that watches *feeds* (rules 1, 5, 6 and 7)."""
    counted = [
        held
        for told in feeds
        for (name, _), held in told.projects.items()
        if name not in excluded and (not included or name in included)
    ]
    names = {name for told in feeds for name, _ in told.projects} - {*excluded}
    broken = [held for held in counted if held.verdict == "broken"]
    stale = not counted or any(told.stale(now) or not told.projects for told in feeds)
    stale = stale or any(held.unsure(now) for held in counted) or not names.issuperset(included)
    if broken:
        building = all(held.building for held in broken)
        return "broken" + "-building" * building + "-stale" * stale
    if stale:
        return "stale"
    verdict = "passing" if any(held.verdict == "passing" for held in counted) else "none"
    return verdict + "-building" * any(held.building for held in counted)


def lies(shown: str, wanted: str) -> bool:
    """Return whether *shown* hides a red or is an unearned green.

    That is what can be asked where projects share a name: nobody can say which is which.
    """
    shown, wanted = shown.partition("-")[0], wanted.partition("-")[0]
    return shown != wanted and (shown == "passing" or wanted == "broken")


def colours(signal: str) -> set[str]:
    """Return the colours that *signal* may light, at any moment."""
    verdict, _, marks = signal.partition("-")
    if verdict == "stale":
        return {"amber"}
    return {COLOURS[verdict]} | ({"amber"} if "stale" in marks else set())
