"""Reads each feed once, opens each light and broker once, and prints what lamps would show.

No lamp is lit: a light is only opened and closed.
"""

import argparse
import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from buildlight.cli import FAILED, OK, write_error
from buildlight.cli.terminal import describe_trouble, progress, wrapped, write_line
from buildlight.config.settings import load_settings
from buildlight.daemon.daemon import time_of_day
from buildlight.daemon.monitor import watched
from buildlight.daemon.session import OpenSources
from buildlight.daemon.settings import Settings
from buildlight.errors import LightUnavailable
from buildlight.feeds.sources import Source, open_sources
from buildlight.lamps.group import shown
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.timing import OPENING
from buildlight.network.resolver import ResolverLoop
from buildlight.projects.feed_state import FeedState, Freshness, Reading, absorb
from buildlight.projects.verdict import Verdict
from buildlight.publish.mqtt.documents import topics_of
from buildlight.publish.mqtt.settings import MqttSettings
from buildlight.publish.mqtt.trial import try_broker
from buildlight.redaction import printable
from buildlight.report.as_json import to_json
from buildlight.report.report import ProjectReport, Report, make_report
from buildlight.report.rows import Watched, oldest_first
from buildlight.report.shown import Light
from buildlight.system import paths
from buildlight.wording import count, span

MQTT = "mqtt"
"""How the broker of ``[mqtt]`` is called."""


def main(chosen: argparse.Namespace) -> int:
    """Check the configuration and print the findings; returns whether everything is in order."""
    found = paths.find_files(chosen.config)
    if found.passed_over:  # Before anything else: its mistakes may be those of the wrong file.
        write_error(str(found))
    settings = load_settings(found.file)
    steps = len(settings.feeds) + len(settings.lamps) + (settings.mqtt is not None)
    with progress(steps) as on_step:
        finding = check(settings, on_step=on_step)
    if chosen.json:
        write_line(json.dumps(to_json(finding.report), indent=2))
        for name, sentence in (*finding.warnings, *finding.troubles):
            write_error(f"{name}: {sentence}")
    else:
        show_finding(finding, everything=chosen.all)
        if not found.passed_over:
            write_line(f"configuration: {found}")
    return OK if finding.sound else FAILED


@dataclass(frozen=True, slots=True)
class Finding:
    """The findings of a check: the report, and *troubles*: why a light did not open, or a broker.

    *warnings* (by feed or lamp) are about unwise settings. *published* says where it would be
    published, if anywhere.
    """

    report: Report
    troubles: tuple[tuple[str, str], ...]
    warnings: tuple[tuple[str, str], ...] = ()
    published: str = ""

    @property
    def sound(self) -> bool:
        """Whether every feed was read, every light opened, and every pattern matched a project."""
        return (
            not self.troubles
            and not _unmatched(self.report)
            and not any(lamp.signal.stale for lamp in self.report.lamps)
            and all(
                feed.state is Freshness.FRESH and feed.error is None for feed in self.report.feeds
            )
        )


def check(
    settings: Settings,
    *,
    on_step: Callable[[str], None] = lambda _what: None,
    sources: OpenSources = open_sources,
    clock: Callable[[], datetime] = time_of_day,
) -> Finding:
    """Read every feed of *settings* once and open every light once, all at the same time.

    *on_step* is called with the name of each feed and lamp that is done.
    """
    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        return runner.run(_check(settings, on_step=on_step, sources=sources, clock=clock))


async def _check(
    settings: Settings,
    *,
    on_step: Callable[[str], None],
    sources: OpenSources,
    clock: Callable[[], datetime],
) -> Finding:
    lights = asyncio.gather(*(_try_light(lamp, on_step) for lamp in settings.lamps))
    broker = asyncio.ensure_future(_try_broker(settings.mqtt, on_step))
    async with sources(settings.feeds) as opened:
        read_by = await asyncio.gather(*(_try_source(each, on_step, clock) for each in opened))
    troubles, no_broker = await lights, await broker
    feeds = {name: feed for each in read_by for name, feed in each.items()}
    report = make_report(
        [feeds[feed.name] for feed in settings.feeds],
        [
            replace(shown(lamp, Light.WAITING if trouble else Light.OK), trouble=trouble or None)
            for lamp, trouble in zip(settings.lamps, troubles, strict=True)
        ],
        now=asyncio.get_running_loop().time(),
        clock=clock(),
    )
    names = (*(lamp.name for lamp in settings.lamps), MQTT)
    told = zip(names, (*troubles, no_broker), strict=True)
    return Finding(
        report=report,
        troubles=tuple((name, trouble) for name, trouble in told if trouble),
        warnings=tuple(_warnings(settings, report)),
        published="" if settings.mqtt is None else topics_of(settings.mqtt.name).base,
    )


def _warnings(settings: Settings, report: Report) -> Iterator[tuple[str, str]]:
    """Yield each warning, and what it is about."""
    yield from settings.warnings()
    for feed in report.feeds:
        yield from ((feed.name, notice) for notice in feed.notices)
    yield from _unmatched(report)


def _unmatched(report: Report) -> tuple[tuple[str, str], ...]:
    feeds = [(feed.name, warning) for feed in report.feeds for warning in feed.warnings]
    lamps = [(lamp.name, warning) for lamp in report.lamps for warning in lamp.warnings]
    return (*feeds, *lamps)


async def _try_source(
    source: Source, on_step: Callable[[str], None], clock: Callable[[], datetime]
) -> dict[str, Watched]:
    outcome = await source.read()
    now = asyncio.get_running_loop().time()
    reading = Reading(now, clock(), outcome, notices=source.notices)
    feeds = {}
    for feed in source.readers:
        feed_state, _ = absorb(FeedState(), reading, rules=feed.rules)
        feeds[feed.name] = watched(feed, feed_state)
        on_step(feed.name)
    return feeds


async def _try_broker(settings: MqttSettings | None, on_step: Callable[[str], None]) -> str:
    """Return why the broker would not take what is published; empty if it does, or without one."""
    if settings is None:
        return ""
    trouble = await try_broker(settings)
    on_step(MQTT)
    return trouble


async def _try_light(lamp: LampSettings, on_step: Callable[[str], None]) -> str:
    """Return why the light does not open, an empty string if it does."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    tell = partial(_tell, loop, answer)
    threading.Thread(target=_open_and_close, args=(lamp, tell), daemon=True).start()
    try:
        async with asyncio.timeout(OPENING):
            trouble = await answer
    except TimeoutError:
        trouble = describe_trouble(lamp, None, patience=OPENING)
    on_step(lamp.name)
    return trouble


def _open_and_close(lamp: LampSettings, tell: Callable[[str], None]) -> None:
    try:
        lamp.open_light().close()
    except LightUnavailable as exc:
        tell(describe_trouble(lamp, exc, patience=OPENING))
    except Exception as exc:  # noqa: BLE001 - a driver may be a plug-in
        tell(f"driver {lamp.driver!r}: failed: {type(exc).__name__}: {exc}")
    else:
        tell("")


def _tell(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[str]", trouble: str) -> None:
    def settle() -> None:
        if not answer.done():
            answer.set_result(trouble)

    with suppress(RuntimeError):  # The check is over: this light took too long.
        loop.call_soon_threadsafe(settle)


def show_finding(finding: Finding, *, everything: bool = False) -> None:
    """Print the findings, the answer first; with *everything*, each project has a line.

    Otherwise projects that are not broken are only counted.
    """
    from rich.console import Console  # noqa: PLC0415 - with --json nothing is laid out
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    for line, style in _lines(finding, everything=everything):
        # rich would break links and names in the middle.
        console.print(Text(wrapped(printable(line, limit=WIDE)), style=style), soft_wrap=True)


WIDE = 2000
"""Maximum length of a line, in characters: it may name any number of projects."""
STYLES = {"broken": "red", "passing": "green", "none": "yellow"}


def _lines(finding: Finding, *, everything: bool) -> Iterator[tuple[str, str]]:
    """Yield each line and its style."""
    report = finding.report
    for lamp in report.lamps:
        yield f"{lamp.name} would show: {lamp.pattern.text}", "bold"
        yield f"  because {lamp.because}", ""
    for name, trouble in finding.troubles:
        yield f"  {name}: {trouble}", "bold red"
    yield "", ""
    for line in _feed_lines(report):
        yield line, ""
    if finding.published and not any(name == MQTT for name, _ in finding.troubles):
        yield f"{MQTT}: publishes at {finding.published}", ""
    for name, warning in finding.warnings:
        yield f"  {name}: {warning}", "yellow"
    rows = sorted(oldest_first(report.projects), key=lambda row: not _is_red(row))
    for row in rows if everything else filter(_is_red, rows):
        yield _row(row, report), STYLES[row.verdict.value] if row.counted else "dim"
    others = Counter(
        row.verdict.value if row.counted else "not counted" for row in rows if not _is_red(row)
    )
    if others and not everything:
        summary = ", ".join(f"{number} {word}" for word, number in others.items())
        yield f"not broken: {summary}; --all lists them", "dim"


def _is_red(row: ProjectReport) -> bool:
    return row.counted and row.verdict is Verdict.BROKEN


def _row(row: ProjectReport, report: Report) -> str:
    feed = f" ({row.feed})" if len(report.feeds) > 1 else ""
    return "".join(
        (
            f"  {row.name or '(no name)'}{feed}: {row.verdict.value}",
            ", being built" if row.building else "",
            f", {span((report.at - row.since).total_seconds())} ago" if row.since else "",
            "" if row.counted else f" (not counted: {row.not_counted_because})",
            f": {row.web_url}" if row.web_url else "",
        )
    )


def _feed_lines(report: Report) -> Iterator[str]:
    faults: dict[tuple[str, str], list[str]] = {}  # Several tables with one address share a line.
    for feed in report.feeds:
        if feed.error is None:
            yield f"{feed.name}: {count(feed.projects, 'project')}  <{feed.url}>"
        else:
            faults.setdefault((feed.error, feed.url), []).append(feed.name)
    for (error, url), names in faults.items():
        yield f"{', '.join(names)}: {error}  <{url}>"
