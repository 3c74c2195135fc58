"""What is fed with noise: each target takes any bytes, and raises nothing for any of them.

What is allowed to come out is caught here, by name; whatever else comes out is a fault.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from buildlight.config.settings import lamp_from_keys, load_settings
from buildlight.daemon.state_file import StateFile
from buildlight.drivers.serial import light as serial_light
from buildlight.drivers.serial.light import SerialLight
from buildlight.errors import ConfigError, FeedMalformed, FeedRefused, LightUnavailable
from buildlight.feeds.cctray import CCTrayOptions
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import Channel, Frame, frame_at, next_change
from buildlight.projects import ccxml
from buildlight.projects.feed_state import FeedState, Reading, Rules, absorb
from buildlight.projects.verdict import Verdict
from buildlight.report.as_json import to_json
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import make_report
from buildlight.report.rows import Watched
from buildlight.report.shown import Shown
from buildlight.report.summary import sentence
from buildlight.report.update import Update

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RULES = Rules(max_age=110.0, roll_up=True, ignore_older_than=86_400.0)
PATTERNS = lamp_from_keys("gpio", {"pins": {"red": 17, "amber": 27, "green": 22}}).patterns
RED_FEED = (
    b'<Projects><Project name="shop" activity="Sleeping" lastBuildStatus="Failure"/></Projects>'
)
LONGEST_SENTENCE = 400


def feed(document: bytes) -> None:
    """Read a document, and tell everybody of it: report, JSON, the file of verdicts."""
    feed_state, _ = absorb(FeedState(), Reading(0.0, NOON, ccxml.parse(RED_FEED)), rules=RULES)
    outcome: object
    try:
        outcome = ccxml.parse(document)
    except (FeedMalformed, FeedRefused) as exc:
        assert str(exc)
        assert len(str(exc)) < LONGEST_SENTENCE
        return
    assert [each.name for each in ccxml.parse(ccxml.write(outcome))] == [
        each.name for each in outcome
    ]
    feed_state, _ = absorb(feed_state, Reading(30.0, NOON, outcome), rules=RULES)
    watched = [Watched("ci", "https://ci.example/cc.xml", feed_state, RULES)]
    lamp = Shown("lamp", "gpio", frozenset({"ci"}), PATTERNS)
    report = make_report(watched, [lamp], now=30.0, clock=NOON)
    json.dumps(to_json(report))
    assert sentence(report).isprintable()
    if not any(each.name.startswith("shop") for each in outcome):
        # Whatever else it says, it does not say that shop passes.
        assert report.lamps[0].signal.verdict is Verdict.BROKEN
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        state = StateFile(Path(folder))
        options = {"ci": CCTrayOptions(url=watched[0].url)}
        identified = (replace(watched[0], identity=options["ci"].identity),)
        state.publish(Update(report, None, identified, PollStats(), now=30.0))
        state.close(20.0)
        again = StateFile(Path(folder)).load(options, keep=86_400.0, now=30.0, clock=NOON)
        kept = {key: each.verdict for key, each in feed_state.projects.items()}
        assert {key: each.verdict for key, each in again["ci"].projects.items()} == kept


def pattern(text: bytes) -> None:
    """Read a pattern, and play it."""
    try:
        read = parse_pattern(text.decode("utf-8", "replace"))
    except ConfigError as exc:
        assert exc.mistakes
        return
    assert parse_pattern(read.text) == read
    moment = 0.0
    for _ in range(12):
        assert all(0 < level <= 1 for _, level in frame_at(read, moment).levels)
        wait = next_change(read, moment)
        if wait is None:
            return
        assert wait > 0
        moment += wait


def settings(document: bytes) -> None:
    """Read a configuration."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        Path(file.name).write_bytes(document)
        try:
            load_settings(Path(file.name))
        except ConfigError as exc:
            assert exc.mistakes
            lines = [line for each in exc.mistakes for line in each.split("\n")]
            assert all(line.isprintable() for line in lines)


class _Instead:
    """Puts *things* into the place of a module's own, for a while; there may be no pytest here."""

    def __init__(self, module: ModuleType, **things: object) -> None:
        self._module, self._things = module, things

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    def _swap(self) -> None:
        for name, thing in self._things.items():
            self._things[name] = getattr(self._module, name)
            setattr(self._module, name, thing)


class _Noise:
    """A wire whose other end says *heard*, bit by bit, and then nothing more."""

    def __init__(self, heard: bytes) -> None:
        self._parts = [heard[start : start + 24] for start in range(0, len(heard), 24)]
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time, which passes while somebody listens."""
        return self.now

    def probe(self) -> None:
        """Be there."""

    def write(self, sent: bytes) -> None:
        """Take whole lines."""
        assert sent.endswith(b"\n")

    def read(self, timeout: float) -> bytes:
        """Say the next."""
        if self._parts:
            self.now += 0.01
            return self._parts.pop(0)
        self.now += max(timeout, 0.01)
        return b""

    def close(self, *, discard: bool = False) -> None:
        """Hang up."""


def light(heard: bytes) -> None:
    """Talk with a light of our own that answers noise."""
    wire = _Noise(heard)
    with _Instead(serial_light, open_port=lambda *_, **__: wire, time=wire):
        _talk(wire)


def _talk(wire: _Noise) -> None:
    try:
        options = SerialLight.Options.model_validate({"port": "/dev/x", "protocol": "buildlight"})
        opened = SerialLight(options, clock=wire.monotonic)  # type: ignore[arg-type]
        try:
            for channel in (Channel.RED, Channel.GREEN):
                opened.show(Frame.of({channel: 1}))
        finally:
            opened.close()
    except LightUnavailable as exc:
        assert str(exc).isprintable()
        assert len(str(exc)) < LONGEST_SENTENCE


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "feed": feed,
    "pattern": pattern,
    "settings": settings,
    "light": light,
}
