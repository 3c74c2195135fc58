"""The page as an HTML document, and its parts that change. Pure.

All text from servers is escaped, and only http and https addresses become links. The page works
without its script, which replaces parts of the document by newer ones from this module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from buildlight.projects.feed_state import Freshness
from buildlight.projects.project import Run
from buildlight.projects.verdict import Verdict
from buildlight.publish.web.lamp_card import faults, lamp_card, looks, said
from buildlight.publish.web.links import link
from buildlight.publish.web.moments import moment_html
from buildlight.publish.web.settings import TITLE
from buildlight.publish.web.svg import icon_svg, worst_lamp
from buildlight.redaction import printable
from buildlight.report.report import FeedReport, ProjectReport, Report
from buildlight.report.rows import NAMELESS, oldest_first
from buildlight.wording import count, run_in_words, span

LONGEST = 200
"""Most characters of a name."""

FEW = 24
"""Most projects neither broken nor building that are visible without opening the fold."""

LISTED = 1_000
"""Most projects in one list; the rest is counted."""

JUST_NOW = 2.0
"""Seconds below which an age is "just now"; the script has the same number."""

REFRESH = 15
"""Seconds after which a browser without JavaScript reloads the page."""

LOST = f"data:image/svg+xml,{quote(icon_svg(None))}"
"""The icon of a page that lost its connection and cannot fetch one."""

STATES: Mapping[Freshness, tuple[str, str]] = {
    Freshness.FRESH: ("✓", "fresh"),
    Freshness.STALE: ("?", "old news"),
    Freshness.NEVER: ("?", "never answered"),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """The page without its frame; *parts* are by the id of their element.

    *rest* are the projects in the fold, which the script fetches only if the fold is open. The
    parts contain no ages, because ages change all the time.
    """

    title: str
    icon: str
    said: str
    parts: Mapping[str, str]
    rest: tuple[ProjectReport, ...]


def parts(report: Report, *, now: float) -> Parts:
    """Return *report* in parts, *now* in seconds as in :class:`feed_state.Reading`."""
    lamp = worst_lamp(report.lamps)
    name, sign, words = looks(lamp)
    counted = [each for each in report.projects if each.counted]
    broken = oldest_first(each for each in counted if each.verdict is Verdict.BROKEN)
    building = oldest_first(
        each for each in counted if each.building and each.verdict is not Verdict.BROKEN
    )
    above = {id(each) for each in (*broken, *building)}
    others = [each for each in report.projects if id(each) not in above]
    lamps = [lamp_card(each, report, now=now) for each in report.lamps]
    return Parts(
        title=f"{sign} {words}" + (f" · {lamp.name}" if lamp else ""),
        icon=name,
        said=". ".join(said(each, report) for each in report.lamps),
        parts={
            "lamps": "".join(lamps),
            "broken": _section("Broken", broken, report),
            "building": _section("Building", building, report),
            "others": _others(others, report),
            "feeds": _feeds(report, [None] * len(report.feeds)),
            "changed": _last_change(report),
        },
        rest=tuple(others),
    )


Ages = Sequence[float | None]
"""Seconds since the last good answer of each feed, ``None`` without one."""


def document(
    report: Report, shown: Parts, *, version: str, ages: Ages, now: float = 0.0, title: str = TITLE
) -> str:
    """Return the whole page with the current *ages* of feeds; *now* is a Unix time.

    The script follows changes after *version*.
    """
    inner = {**shown.parts, "feeds": _feeds(report, ages)}
    return f"""{head(shown.title, shown.icon, ("live.js", "page.js"))}
<noscript><meta http-equiv="refresh" content="{REFRESH}"></noscript>
</head>
<body data-version="{version}" data-now="{now:.1f}" data-parts="/parts">
<p class="unseen" id="said" role="status"></p>
<p id="lost" role="alert" hidden></p>
<main>
<h1>{_text(title)}</h1>
<div id="lamps">{inner["lamps"]}</div>
<div id="tools" role="search" hidden>
<input id="find" type="search" placeholder="Find a project" aria-label="Find a project">
<select id="sort" aria-label="Order of projects">
<option value="oldest">Oldest first<option value="newest">Newest first<option value="name">By name
</select>
<p id="nothing" role="status"></p>
</div>
<section id="broken" aria-label="Broken">{inner["broken"]}</section>
<section id="building" aria-label="Building">{inner["building"]}</section>
<details id="fold"{" open" if len(shown.rest) <= FEW else ""}>
<summary id="others">{inner["others"]}</summary>
<div id="rest">{rest(shown, report)}</div>
</details>
<section aria-labelledby="feeds-title">
<h2 id="feeds-title">Feeds</h2>
<ul class="feeds" id="feeds">{inner["feeds"]}</ul>
</section>
</main>
<footer>
<p>Last change: <span id="changed">{inner["changed"]}</span></p>
<p><a href="/wall">Wall</a> for a television ·
<a href="/cc.xml">cc.xml</a> for CCMenu and others · <a href="/api/report">report</a> as JSON ·
<a href="/metrics">metrics</a> for Prometheus</p>
</footer>
</body>
</html>
"""


def head(title: str, icon: str, scripts: Sequence[str]) -> str:
    """Return the beginning of a document, up to its style; the head is not closed."""
    sources = "".join(f'<script src="/{name}" defer></script>\n' for name in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<link rel="icon" id="icon" type="image/svg+xml" href="/icon.svg?{icon}" data-lost="{LOST}">
<link rel="apple-touch-icon" href="/icon.png">
<link rel="manifest" href="/manifest.webmanifest">
{sources}<link rel="stylesheet" href="/page.css">"""


def _last_change(report: Report) -> str:
    since = max(lamp.since for lamp in report.lamps) if report.lamps else report.at
    return moment_html(since, clock=report.at)


def _section(title: str, projects: Sequence[ProjectReport], report: Report) -> str:
    if not projects:
        return ""
    told = _list("cards", projects, lambda each: _row(each, report))
    return f"<h2>{title} <small>{len(projects)}</small></h2>{told}"


def _list(kind: str, projects: Sequence[ProjectReport], row: Callable[[ProjectReport], str]) -> str:
    # Only the rows that are shown: all rows of 50,000 projects would take a second.
    rows = "".join(row(each) for each in projects[:LISTED])
    more = len(projects) - LISTED
    last = f'<li>and {more} more, see the <a href="/api/report">report</a></li>' if more > 0 else ""
    return f'<ul class="{kind}">{rows}{last}</ul>'


def _row(project: ProjectReport, report: Report) -> str:
    facts = [_text(project.feed)] if len(report.feeds) > 1 else []
    if project.verdict is Verdict.BROKEN:
        facts.insert(0, f"broken{_since(project, report)}")
    if project.building:
        facts.insert(0, "being built")
    if project.verdict is Verdict.PASSING:
        facts.append("passed before")
    if project.label:
        facts.append(f"build {_text(printable(project.label, limit=LONGEST))}")
    if project.breakers:
        names = printable(", ".join(project.breakers), limit=LONGEST)
        facts.append(f"broken by {_text(names)}")
    if project.run is not None:
        facts += _run(project.run, report)
    return f"<li>{_name(project)}<p>{' · '.join(facts)}</p></li>"


def _run(run: Run, report: Report) -> list[str]:
    told = run_in_words(run.branch, run.attempt, run.author, run.commit)
    facts = [_text(printable(each, limit=LONGEST)) for each in told]
    if run.started is not None and run.started.tzinfo is not None:
        facts.append(f"started {moment_html(run.started, clock=report.at)}")
    return facts


def _since(project: ProjectReport, report: Report) -> str:
    if project.since is None:
        return ""
    return f" since {moment_html(project.since, clock=report.at)}"


def _name(project: ProjectReport) -> str:
    name = _text(printable(project.name, limit=LONGEST) or NAMELESS)
    address = link(project.web_url)
    if not address:
        return f'<span dir="auto">{name}</span>'
    return f'<a dir="auto" href="{escape(address)}">{name}</a>'


def _others(rest: Sequence[ProjectReport], report: Report) -> str:
    fresh = {feed.name for feed in report.feeds if feed.state is Freshness.FRESH}
    counting = [each for each in rest if each.counted]
    passing = sum(each.verdict is Verdict.PASSING for each in counting)
    known = sum(each.verdict is Verdict.PASSING and each.feed in fresh for each in counting)
    counts = (
        (known, "passing"),
        (passing - known, "passed when last heard"),
        (sum(each.verdict is Verdict.NONE for each in counting), "without a build"),
        (len(rest) - len(counting), "not counted"),
    )
    told = ", ".join(f"{count} {words}" for count, words in counts if count)
    title = "Projects" if len(rest) == len(report.projects) else "Others"
    many = ' class="many"' if len(report.projects) > FEW else ""
    return f"<b{many}>{title}</b> {told or 'none'}"


def rest(shown: Parts, report: Report) -> str:
    """Return the list in the fold: projects that are neither broken nor building, by feed."""
    by_feed: dict[str, list[ProjectReport]] = {}
    for each in shown.rest:
        by_feed.setdefault(each.feed, []).append(each)
    feeds = [feed for feed in report.feeds if feed.name in by_feed]
    return "".join(_feed_rest(feed, by_feed[feed.name], len(report.feeds)) for feed in feeds)


def _feed_rest(feed: FeedReport, projects: Sequence[ProjectReport], feeds: int) -> str:
    passing, none, uncounted = [], [], []
    for each in projects:
        if not each.counted:
            uncounted.append(each)
        elif each.verdict is Verdict.PASSING:
            passing.append(each)
        else:
            none.append(each)
    passed = "Passing" if feed.state is Freshness.FRESH else "Passed when last heard"
    kind = "passing" if feed.state is Freshness.FRESH else "old-news"
    groups = (
        (passed, kind, passing),
        ("Without a build", "none", none),
        ("Not counted", "uncounted", uncounted),
    )
    lists = (
        f"<h4>{title}</h4>{_list(kind, group, _rest_row)}" for title, kind, group in groups if group
    )
    heading = f"<h3>{_text(feed.name)}</h3>" if feeds > 1 else ""
    return f"{heading}{''.join(lists)}"


def _rest_row(project: ProjectReport) -> str:
    why = "" if project.counted else f" <i>{_text(project.not_counted_because or '')}</i>"
    return f"<li>{_name(project)}{why}"


def _feeds(report: Report, ages: Ages) -> str:
    return "".join(
        _feed(feed, age, number)
        for number, (feed, age) in enumerate(zip(report.feeds, ages, strict=True))
    )


def _feed(feed: FeedReport, age: float | None, number: int) -> str:
    sign, words = STATES[feed.state]
    said = "" if age is None else f"{span(age)} ago" if age >= JUST_NOW else "just now"
    fault = faults(((feed.error,) if feed.error else ()) + feed.warnings + feed.notices)
    projects = count(feed.projects, "project")
    return (
        f'<li class="{feed.state.value}"><b>{_text(feed.name)}</b> '
        f'<span class="state">{sign} {words}</span> '
        f'<span class="age" data-feed="{number}">{said}</span>'
        f"<p>{projects} · <code>{_text(printable(feed.url, limit=LONGEST))}</code></p>{fault}</li>"
    )


def _text(text: str) -> str:
    return escape(text)
