"""The wall: the lamp for a television, readable from ten metres, without scrolling. Pure.

It holds one truth, the broken projects as tiles, and how fresh the news is. The script replaces
its one part as it does those of the page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from buildlight.projects.feed_state import Freshness
from buildlight.projects.verdict import Verdict
from buildlight.publish.web.html import LONGEST, REFRESH, head
from buildlight.publish.web.lamp_card import LIGHTS, because_html, looks, said
from buildlight.publish.web.moments import moment_html
from buildlight.publish.web.svg import lamp_svg, worst_lamp
from buildlight.redaction import printable
from buildlight.report.report import LampReport, ProjectReport, Report
from buildlight.report.rows import NAMELESS, oldest_first
from buildlight.report.shown import Light
from buildlight.wording import count

MOST_TILES = 30
"""Most broken projects that have a tile; the rest is counted."""
MOST_NAMED = 6
"""Most projects being built that are named."""


@dataclass(frozen=True, slots=True)
class Wall:
    """What a wall shows; *look* is its class, *inner* what is in it, without ages."""

    title: str
    look: str
    said: str
    inner: str


def wall(report: Report, only: LampReport | None, *, now: float) -> Wall:
    """Return the wall of one lamp, or of all with the worst one large.

    *now* is in seconds as in :class:`feed_state.Reading`.
    """
    lamp = only or worst_lamp(report.lamps)
    look, sign, words = looks(lamp)
    lamps = (lamp,) if only else report.lamps
    counted = [
        each
        for each in report.projects
        if each.counted and (only is None or only.name in each.lamps)
    ]
    broken = oldest_first(each for each in counted if each.verdict is Verdict.BROKEN)
    building = [each for each in counted if each.building and each.verdict is not Verdict.BROKEN]
    others = "".join(_chip(each) for each in lamps if each is not lamp and each is not None)
    svg = lamp_svg(lamp, elapsed=now - lamp.began) if lamp else ""
    return Wall(
        title=f"{sign} {words}" + (f" · {lamp.name}" if lamp else ""),
        look=look,
        said=". ".join(said(each, report) for each in lamps if each is not None),
        inner=(
            f'<div class="stage">{svg}<div>{_lamp_name(lamp) if others else ""}'
            f'<h2 class="word"><span aria-hidden="true">{sign}</span> '
            f'{words}</h2><p class="because">{_sentence(lamp, report, broken, counted)}</p>'
            f"{_light(lamp)}</div></div>"
            + (f'<ul class="chips">{others}</ul>' if others else "")
            + _tiles(broken, report)
            + _foot(building, report, only)
        ),
    )


def wall_document(
    shown: Wall, lamp: LampReport | None, *, state: Mapping[str, object], title: str
) -> str:
    """Return the whole wall; the script follows changes after the version of *state*."""
    query = f"?lamp={quote(lamp.name)}" if lamp else ""
    name = f"{title} · {lamp.name}" if lamp else title
    ages = json.dumps(state["ages"])
    return f"""{head(shown.title, shown.look, ("live.js", "wall.js"))}
<link rel="stylesheet" href="/wall.css">
<noscript><meta http-equiv="refresh" content="{REFRESH}"></noscript>
</head>
<body class="{shown.look}" data-version="{state["version"]}" data-now="{state["now"]}"
data-ages="{ages}" data-parts="/wall/parts{escape(query)}">
<p class="unseen" id="said" role="status"></p>
<header><h1 dir="auto">{escape(name)}</h1><p id="clock"></p></header>
<p id="lost" role="alert" hidden></p>
<main id="wall">{shown.inner}</main>
</body>
</html>
"""


def _sentence(
    lamp: LampReport | None,
    report: Report,
    broken: Sequence[ProjectReport],
    counted: Sequence[ProjectReport],
) -> str:
    """Return one sentence, without the names that the tiles show."""
    if lamp is None:
        return "There is no lamp."
    if not broken or lamp.closed:
        return because_html(lamp, report)
    told = f"{len(broken)} of {count(len(counted), 'project')}"
    others = "".join(f". {escape(printable(each, limit=LONGEST))}" for each in lamp.reasons[1:])
    return f"{told}{others}"


def _lamp_name(lamp: LampReport | None) -> str:
    return f'<p class="name" dir="auto">{escape(lamp.name)}</p>' if lamp else ""


def _light(lamp: LampReport | None) -> str:
    if lamp is None or lamp.light is Light.OK:
        return ""
    trouble = escape(printable(lamp.light_because or "", limit=LONGEST))
    return f'<p class="because">{LIGHTS[lamp.light]} {trouble}</p>'


def _chip(lamp: LampReport) -> str:
    look, sign, words = looks(lamp)
    return (
        f'<li class="{look}"><span aria-hidden="true">{sign}</span> '
        f'<b dir="auto">{escape(lamp.name)}</b> {words}</li>'
    )


def _tiles(broken: Sequence[ProjectReport], report: Report) -> str:
    if not broken:
        return ""
    shown = broken[:MOST_TILES]
    tiles = "".join(_tile(each, report) for each in shown)
    more = len(broken) - len(shown)
    last = f"<li><h3>and {more} more</h3></li>" if more else ""
    columns = next(
        columns
        for columns, most in ((1, 1), (2, 4), (3, 9), (4, 16), (6, 99))
        if most >= len(shown)
    )
    return f'<ul class="tiles of-{columns}">{tiles}{last}</ul>'


def _tile(project: ProjectReport, report: Report) -> str:
    facts = ["being built"] if project.building else []
    if len(report.feeds) > 1:
        facts.append(escape(project.feed))
    if project.since is not None:
        facts.append(f"since {moment_html(project.since, clock=report.at)}")
    if project.breakers:
        facts.append(f"by {escape(printable(', '.join(project.breakers), limit=60))}")
    kind = ' class="in-work"' if project.building else ""
    return f'<li{kind}><h3 dir="auto">{_name(project)}</h3><p>{" · ".join(facts)}</p></li>'


def _name(project: ProjectReport) -> str:
    return escape(printable(project.name, limit=LONGEST) or NAMELESS)


def _foot(building: Sequence[ProjectReport], report: Report, only: LampReport | None) -> str:
    names = ", ".join(f"<bdi>{_name(each)}</bdi>" for each in building[:MOST_NAMED])
    more = len(building) - MOST_NAMED
    left = f"Being built: {names}" + (f" and {more} more" if more > 0 else "") if building else ""
    feeds = [
        (number, feed)
        for number, feed in enumerate(report.feeds)
        if only is None or feed.name in only.feeds
    ]
    fresh = all(feed.state is Freshness.FRESH for _, feed in feeds)
    numbers = " ".join(str(number) for number, _ in feeds)
    sign, words = ("✓", "News of") if fresh and feeds else ("?", "Old news:")
    return (
        f'<footer><p class="building">{left}</p><p class="fresh{"" if fresh else " not"}">'
        f'<span aria-hidden="true">{sign}</span> {words} '
        f'<span class="age" data-feed="{numbers}"></span></p></footer>'
    )
