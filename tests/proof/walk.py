"""A random walk of the whole daemon on virtual time, beside the oracle that knows the truth.

Servers say anything, fail and come back; the daemon is reloaded, restarted and killed; the clock
leaps, lights come and go. After each step every lamp is compared with :mod:`oracle`.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

import httpx

from buildlight.config.settings import check_settings
from buildlight.daemon.daemon import Daemon
from buildlight.daemon.settings import Settings
from buildlight.daemon.state_file import StateFile
from buildlight.errors import LightUnavailable
from buildlight.feeds.sources import open_sources
from buildlight.patterns.pattern import Frame, Pattern
from buildlight.projects import ccxml
from buildlight.projects.project import DOUBT, Project
from buildlight.projects.signal import RANKS
from buildlight.report.shown import Light
from proof.jumping_loop import JumpingLoop
from proof.oracle import DEADLINE, KEPT, MAX_AGE, Held, Said, Told, Who, colours, expected, lies
from support.examples import NOON
from support.world import LoopPlayer, Recorder, RecordingLight, Server

FEEDS = ("web", "api")
LAGS = {"web": 0.0, "api": 0.0010007}
"""Seconds after which a server answers.

Never two at one moment: nobody could say whether the file of kept verdicts, written for the news
of one of them, holds also when the other confirmed what was known.
"""
LAMPS = {"all": FEEDS, "web only": ("web",), "by name": ("web",)}
INCLUDED = {"by name": ("shop", "till")}
"""Names that a lamp asks for: one that is missing leaves it no green."""
LEAVING = "api"
"""The feed that the configuration may leave out for a while; every lamp watches another one."""
NAMES = ("shop", "till", "nightly", "caf\u00e9")
NFD = "cafe\u0301"
"""The last of the names as another server may spell it."""
TWIN, TWINS = "twin", ("a", "b", "c")
"""A name that several projects of the feed ``api`` share, and which of them they are."""
ADDRESSES = ("of the project", "of the build", "none")
"""What ``webUrl`` tells of a twin. Only with one of its own may a twin leave: else nobody can
tell another that comes from one that is fixed."""
WORDS = (
    "Success",
    "Failure",
    "Exception",
    "Unknown",
    "Cancelled",
    "odd",
    "",
    " PASSED ",
    "TimedOut",
)
ACTIVITIES = ("Sleeping", "Building", "CheckingModifications", "Pending", " running ", "odd", "")
LABELS = ("", "1", "2", "3")
TIMES = (
    None,
    datetime(1, 1, 1),  # noqa: DTZ001 - as .NET sends it
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
    *(datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (9, 10, 11)),
)
WAITS = (0.2, 3.0, 11.0, 29.0, 31.0, 64.0, 109.0, 111.0, 300.0, 1_100.0)
LEAPS = (-400 * 86_400, -3_600, -900, -1, 1, 900, 3_600, 400 * 86_400)
FAULTS: Sequence[bytes | int | Exception | None] = (
    None,
    503,
    401,
    206,
    httpx.ConnectError("refused"),
    httpx.ReadError("reset"),
    b"",
    b"<!DOCTYPE html><html>Success</html>",
    b'<Projects><Project name="shop" activity="Sleeping" lastBuildStatus="Success"/>',
    b'<Projects><Project name="unknown - unknown" lastBuildStatus="Success"/></Projects>',
    b"\x00" * 9,
)
SETTLING = 0.2000317
"""Seconds after which a lamp shows what its daemon knows.

No round number, or steps would add up to the very moment of a poll, in which nobody knows yet.
"""
BACK = 2.0
"""Seconds after which a light that came back shows it, too."""
GONE = 10.1
"""Seconds after which a light is missed that went."""
POLL = 51.0
"""Seconds after which a poll is over that may hang, of a feed that is not stale yet."""


class Witness(Server):
    """A server that answers after *lag* seconds, and tells the oracle what it said, and when."""

    def __init__(self, told: Told, lag: float) -> None:
        super().__init__()
        self.told = told
        self._lag = lag
        self.says: tuple[Said, ...] = ()
        self.fault: bytes | int | Exception | str | None = "none"
        self.hanging: float | None = None
        self.address = ADDRESSES[0]
        self.hidden: tuple[Said, ...] | None = None
        """What it said before a proxy answered in its place."""
        self.vouches = True
        """Whether it answers 304 when nothing has changed."""

    def settle(self, now: float) -> None:
        """Tell the oracle of a request that nobody waits for any more."""
        if self.hanging is not None and now >= self.hanging + DEADLINE:
            self.told.hear(None, self.hanging + DEADLINE)
            self.hanging = None

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer, and tell the oracle."""
        asked = asyncio.get_running_loop().time()
        self.settle(asked)
        await asyncio.sleep(self._lag)
        now = asyncio.get_running_loop().time()
        if self.fault is None:
            self.hanging = asked
            await asyncio.Event().wait()
        if self.fault != "none":
            self.told.hear(None, now)
            if isinstance(self.fault, Exception):
                raise self.fault
            if isinstance(self.fault, int):
                return httpx.Response(self.fault)
            assert isinstance(self.fault, bytes)
            return httpx.Response(200, stream=httpx.ByteStream(self.fault))
        document = ccxml.write(_project(said, self.address) for said in self.says)
        tag = f'"{blake2b(document, digest_size=6).hexdigest()}"'
        self.told.hear(self.says, now)
        if self.vouches and request.headers.get("If-None-Match") == tag:
            return httpx.Response(304)
        headers = {"ETag": tag} if self.vouches else {}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(document))


def _project(said: Said, address: str) -> Project:
    urls = {"of the project": said.twin, "of the build": f"{said.twin}/{said.label}", "none": ""}
    return Project(
        said.name,
        activity=said.activity,
        last_build_status=said.word,
        last_build_label=said.label,
        last_build_time=said.time,
        marks=(DOUBT,) if said.doubt else (),
        web_url=urls[address] and f"http://ci.example/{urls[address]}",
    )


class Looked(RecordingLight):
    """A light that is looked at now and then, keeps its last frame only, and may fail oddly."""

    refresh: ClassVar[float | None] = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.odd = False
        self.lit: frozenset[str] = frozenset()

    def plays(self, _pattern: Pattern) -> bool:
        """Play every pattern by itself: nobody looks at each frame of a million steps."""
        return True

    def play(self, pattern: Pattern) -> None:
        """Play *pattern*."""
        self._look()
        self.lit = frozenset(stroke.channel.value for stroke in pattern.strokes)

    def show(self, frame: Frame) -> None:
        """Show *frame*."""
        self._look()
        self.lit = frozenset(channel.value for channel in frame.lit)

    def close(self) -> None:
        """Go dark."""
        self.lit = frozenset()

    def _look(self) -> None:
        if self.odd:
            raise OSError("a driver that keeps no promise")
        if self.gone:
            raise LightUnavailable("it is gone")


@dataclass(frozen=True)
class Kept:
    """What a daemon knew at *clock*; *clean*: it was stopped, and wrote down all that it knew."""

    projects: Mapping[str, dict[Who, Held]]
    clock: datetime = NOON
    clean: bool = True

    def says(self, told: Mapping[str, Told]) -> bool:
        """Return whether the verdicts are those that were *told*: only others are written."""
        return all(
            {who: each.verdict for who, each in self.projects[feed].items()}
            == {who: each.verdict for who, each in known.projects.items()}
            for feed, known in told.items()
        )


class Walk:
    """The whole daemon, taken step by step; every step ends with a comparison."""

    def __init__(self, folder: Path, *, address: str | None = None) -> None:
        self.steps = 0
        self.twins = address is not None
        """Whether projects of the feed ``api`` share a name."""
        self.history: list[str] = []
        self._told = {name: Told() for name in FEEDS}
        self._servers = {name: Witness(self._told[name], LAGS[name]) for name in FEEDS}
        self._servers["api"].address = address or ADDRESSES[0]
        self._lights = {name: Looked() for name in LAMPS}
        self._excluded: dict[str, tuple[str, ...]] = {
            "all": (),
            "web only": ("nightly",),
            "by name": (),
        }
        self._absent = False
        """Whether the configuration leaves a feed out."""
        self._as_text: timedelta | None = None
        """How far the clock was off when a daemon found rows of a feed that was left out."""
        self._folder = folder
        self._full = self._waiting = False
        self._newest = self._on_disk = Kept({name: {} for name in FEEDS}, NOON)
        self._offset = timedelta()
        self._loop = JumpingLoop()
        self._recorder = Recorder()
        self._start()

    # What happens in the world.

    def say(self, feed: str, *said: Said) -> None:
        """Have the server *feed* answer with these projects, and be well."""
        stays = [
            each
            for each in self._servers[feed].says
            if each.twin and self._servers[feed].address != ADDRESSES[0]
        ]
        here = {each.who for each in said}
        said = (*said, *(each for each in stays if each.who not in here))
        self._servers[feed].says, self._servers[feed].fault = said, "none"
        self._servers[feed].hidden = None

    def say_one(self, feed: str, said: Said) -> None:
        """Have one project of the server *feed* be different."""
        server = self._servers[feed]
        others = [each for each in self._truth(feed) if each.who != said.who]
        if server.hidden is None:
            server.says = (*others, said)
        else:
            server.hidden = (*others, said)

    def _truth(self, feed: str) -> tuple[Said, ...]:
        """Return what the server *feed* would say if nobody answered in its place."""
        server = self._servers[feed]
        return server.says if server.hidden is None else server.hidden

    def stand_in(self, feed: str, said: Said) -> None:
        """Have a proxy answer with *said* in the place of the server *feed*, until it recovers."""
        server = self._servers[feed]
        if server.address != ADDRESSES[0] and any(each.twin for each in self._truth(feed)):
            return  # Nobody could tell them apart when they come back.
        server.hidden, server.says, server.fault = self._truth(feed), (said,), "none"

    def vanish(self, feed: str, number: int) -> None:
        """Have one project of the server *feed* be gone, unless nobody could tell which."""
        server = self._servers[feed]
        leaving = [each for each in server.says if not each.twin or server.address == ADDRESSES[0]]
        if leaving:
            gone = leaving[number % len(leaving)]
            server.says = tuple(each for each in server.says if each != gone)

    def fail(self, feed: str, fault: int) -> None:
        """Have the server *feed* fail in the way number *fault*."""
        self._servers[feed].fault = FAULTS[fault]

    def recover(self, feed: str) -> None:
        """Have the server *feed* be well again."""
        self._servers[feed].says, self._servers[feed].hidden = self._truth(feed), None
        self._servers[feed].fault = "none"

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._advance(seconds)

    def leap(self, seconds: float) -> None:
        """Set the clock on the wall."""
        self._offset += timedelta(seconds=seconds)

    def exclude(self, lamp: str, names: tuple[str, ...]) -> None:
        """Read another configuration: *lamp* is to leave *names* out."""
        self._excluded[lamp] = names
        self._reload()

    def leave_out(self, *, restart: bool) -> None:
        """Leave a feed out of the configuration, or take it in again; then reload or restart."""
        self._absent = not self._absent
        if restart:
            self.restart()
            return
        if not self._absent:
            told = self._told[LEAVING]
            told.good, told.failures, told.strangers = None, 0, (frozenset(), 0.0)
            self._claim()
        self._reload()

    def _reload(self) -> None:
        self._forget_requests()
        self._daemon.reload(self._settings)
        self._advance(SETTLING)

    def restart(self) -> None:
        """Stop the daemon and start it again."""
        self._end()
        self._newest = self._known()
        if not self._full:
            self._on_disk = self._newest
        self._wake()

    @property
    def _new(self) -> Path:
        return self._folder / "verdicts.new"

    def kill(self) -> None:
        """End the daemon without a word, and start it again."""
        assert self._state.flush(20.0)
        before = {file: file.read_bytes() for file in self._folder.iterdir() if file.is_file()}
        self._end()
        for file in self._folder.iterdir():
            if file.is_file():
                file.unlink()
        for file, content in before.items():
            file.write_bytes(content)
        self._wake()

    def fill(self) -> None:
        """Have no room left on the disk."""
        if not self._full:
            assert self._state.flush(20.0)
            self._new.symlink_to("/dev/full")
            self._full = True

    def empty(self) -> None:
        """Have room on the disk again, and time to use it."""
        if self._full:
            self._new.unlink()
            self._full = False
            assert self._state.flush(20.0)
            if self._waiting:
                self._on_disk = replace(self._newest, clean=False)
            self._waiting = False

    def unplug(self, lamp: str, *, oddly: bool = False) -> None:
        """Take the light of *lamp* away; *oddly*: its driver raises what it should not."""
        light = self._lights[lamp]
        light.gone, light.odd = not oddly, oddly
        self._advance(GONE)

    def plug(self, lamp: str) -> None:
        """Bring the light of *lamp* back."""
        light = self._lights[lamp]
        if light.gone or light.odd:
            light.gone = light.odd = False
            self._advance(BACK)

    def close(self) -> None:
        """End it all."""
        self._end()
        self._loop.close()

    # The comparison.

    def compare(self) -> None:
        """Raise :class:`AssertionError` for a lamp that shows what it must not."""
        self.steps += 1
        self._advance(SETTLING)
        while self._doubting():
            self._advance(POLL)
        self._compare_events()
        now = self._loop.time()
        for lamp in self._recorder.updates[-1].report.lamps:
            told = [self._told[name] for name in self._watched(lamp.name)]
            included = INCLUDED.get(lamp.name, ())
            wanted = expected(told, self._excluded[lamp.name], now, included=included)
            light = self._lights[lamp.name]
            shown = RANKS[lamp.signal]
            sentence = f"{lamp.name} is {shown}, not {wanted}: {lamp.because}"
            if self.twins and lamp.name == "all":
                assert not lies(shown, wanted), sentence
            else:
                assert shown == wanted, sentence
            if light.gone or light.odd:
                assert lamp.light is not Light.OK
            else:
                assert lamp.light is Light.OK
                assert light.lit == colours(shown), f"{lamp.name} shows {light.lit} for {shown}"

    def _compare_events(self) -> None:
        """Raise :class:`AssertionError` for an event that no build made, or one that is missing.

        Nobody can say which of two namesakes an event is of.
        """
        for name, told in self._told.items():
            turns, repeats = told.turns, told.repeats
            told.turns, told.repeats = [], []
            if self.twins and name == LEAVING:
                continue
            found = [
                (each.event.value, each.project)
                for update in self._recorder.updates
                for each in update.events
                if each.feed == name
            ]
            seen = [each for each in found if each[0] in ("broken", "fixed")]
            assert sorted(seen) == sorted(turns), f"{name} told {seen}, not {turns}"
            for each in found:
                if each[0] == "still-broken":
                    assert each in repeats, f"{name} told {each} without another build"
                    repeats.remove(each)
        del self._recorder.updates[:-1]
        last = self._recorder.updates[0]
        self._recorder.updates[0] = replace(last, events=())

    # How it is done.

    def _doubting(self) -> bool:
        """Return whether something is about to be doubted: the next poll marks it."""
        now = self._loop.time()
        feeds = [told for name, told in self._told.items() if name in self._watched("all")]
        held = [each for told in feeds for each in told.projects.values()]
        return any(
            0 <= now - each.confirmed - age <= POLL
            for each in held
            for age in (KEPT, *([MAX_AGE] if each.odd else []))
        )

    def _watched(self, lamp: str) -> tuple[str, ...]:
        return tuple(name for name in LAMPS[lamp] if not (self._absent and name == LEAVING))

    def _clock(self) -> datetime:
        return NOON + timedelta(seconds=self._loop.time()) + self._offset

    def _settings(self) -> Settings:
        return check_settings(
            {
                "keep_verdicts": KEPT,
                "feeds": [
                    {"name": name, "url": f"http://{name}.example/cc.xml"}
                    for name in self._watched("all")
                ],
                "lamps": [
                    {
                        "name": name,
                        "driver": "gpio",
                        "wait_for_light": True,
                        "pins": dict(zip(("red", "amber", "green"), range(n, n + 3), strict=True)),
                        "feeds": self._watched(name),
                        "include": INCLUDED.get(name, ()),
                        "exclude": self._excluded[name],
                    }
                    for n, name in zip((2, 5, 8), LAMPS, strict=True)
                ],
            }
        )

    def _start(self) -> None:
        self._state = StateFile(self._folder)
        self._stop = asyncio.Event()
        self._recorder.updates.clear()
        self._daemon = Daemon(
            self._settings(),
            publishers=[self._recorder],
            make_player=lambda lamp, on_light: LoopPlayer(self._lights[lamp.name], on_light),
            open_sources=partial(open_sources, transport=httpx.MockTransport(self._route)),
            clock=self._clock,
            state=self._state,
        )
        self._running = self._loop.create_task(self._daemon.run(self._stop))
        self._advance(SETTLING)

    def _end(self) -> None:
        for server in self._servers.values():
            server.settle(self._loop.time())
        self._stop.set()
        self._loop.run_until_complete(self._running)
        assert self._state.flush(20.0)
        self._forget_requests()
        for told in self._told.values():
            told.turns, told.repeats = [], []

    def _wake(self) -> None:
        """Start a daemon that knows what is kept, and have the oracle know that, too."""
        now, kept = self._loop.time(), self._on_disk
        age = (self._clock() - kept.clock).total_seconds()
        for name, told in self._told.items():
            told.good, told.failures, told.strangers = None, 0, (frozenset(), 0.0)
            told.projects = deepcopy(kept.projects[name])
            absent = self._absent and name == LEAVING
            for who, held in [*told.projects.items()]:
                aged = held.confirmed + age
                held.wake(now - (aged if absent else abs(aged)))
                if not kept.clean:
                    held.doubt()
                if absent and aged >= KEPT:
                    del told.projects[who]
        self._as_text = self._offset if self._absent else None
        self._newest = self._known()
        self._on_disk = replace(kept, clean=False)
        self._waiting = False
        if not kept.clean:
            self._keep()
        self._start()

    def _leapt(self) -> float:
        """Return how far the clock was set since a daemon found rows of a feed left out."""
        return 0.0 if self._as_text is None else (self._offset - self._as_text).total_seconds()

    def _claim(self) -> None:
        """Have the oracle know what a reload finds of a feed that was left out."""
        now, told = self._loop.time(), self._told[LEAVING]
        as_text = self._as_text is not None
        for held in told.projects.values():
            if as_text:
                held.wake(now - abs(now - held.confirmed + self._leapt()))
            elif not held.missing:
                held.seen = -math.inf
        self._as_text = None
        if as_text and told.projects:
            self._keep()

    def _keep(self) -> None:
        """Remember what is written now, or as soon as there is room on the disk."""
        self._newest = self._known()
        if self._full:
            self._waiting = True
        else:
            self._on_disk = replace(self._newest, clean=False)

    def _known(self) -> Kept:
        """Return what is known now: of each confirmation how old it is."""
        now = self._loop.time()
        known = Kept({name: deepcopy(told.projects) for name, told in self._told.items()})
        for held in (each for projects in known.projects.values() for each in projects.values()):
            held.confirmed = now - held.confirmed
        for held in known.projects[LEAVING].values():
            held.confirmed += self._leapt()
        return replace(known, clock=self._clock())

    def _forget_requests(self) -> None:
        for server in self._servers.values():
            server.settle(self._loop.time())
            server.hanging = None

    def _advance(self, seconds: float) -> None:
        self._loop.run_until_complete(asyncio.sleep(seconds))
        assert not self._running.done(), "the daemon ended"
        for server in self._servers.values():
            server.settle(self._loop.time())

    async def _route(self, request: httpx.Request) -> httpx.Response:
        answer = await self._servers[request.url.host.partition(".")[0]].handle(request)
        if not self._newest.says(self._told):
            self._keep()
        return answer
