"""Takes pictures of the page in every state, size and colour scheme, and one sheet of them all.

.venv/bin/python tests/publish/web/contact_sheet.py FOLDER [WORD ...]
(with the extra "test", and chromium; of the states only those whose name has one of the words)
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, time, timedelta
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from buildlight.hours import Hours
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.report.report import Report
from buildlight.report.shown import Light
from support.chromium import Chromium, Tab
from support.examples import NOON
from support.reports import DOWN, a_feed, a_lamp, a_report, broken, known, many
from support.serving import Served

HOURS = Hours(frozenset(range(5)), time(13), time(18), UTC)
REST = [known(name) for name in ("shop-web", "search", "billing", "mail", "library", "docs")]
OLD = a_feed(known("legacy"), name="attic", error=DOWN)
LOST = a_lamp(light=Light.LOST, trouble="no port /dev/ttyUSB0; is the light plugged in?")
LONG = "checkout-service-" + "integration-" * 8 + "main"
RIGHT_TO_LEFT = "בדיקות שילוב של שירות התשלומים"


def reds(number: int) -> list[ProjectState]:
    """Return so many broken projects, each a while after the one before."""
    return [
        replace(broken(f"shop-service-{each:02}"), since=NOON - timedelta(minutes=7 * each + 3))
        for each in range(number)
    ]


def busy(count: int) -> Report:
    """Return a report of *count* projects, some of which are broken or being built."""
    red = [broken("till"), broken("api", building=True)][: max(1, count // 6)]
    building = [known("stock", building=True)] if count > 2 else []
    return a_report(many(count - len(red) - len(building), *red, *building))


def teams() -> Report:
    """Return a report with four lamps, each with another thing to say."""
    lamps = [
        a_lamp("checkout", "web"),
        a_lamp("platform", "libraries"),
        a_lamp("legacy", "attic"),
        a_lamp("night shift", "libraries", hours=HOURS),
    ]
    web = a_feed(broken("till"), *REST)
    return a_report(web, a_feed(known("core"), name="libraries"), OLD, lamps=lamps)


STATES: Mapping[str, Report] = {
    "passing": a_report(a_feed(known("till"), *REST)),
    "passing-building": a_report(a_feed(known("till", building=True), *REST)),
    "broken": a_report(a_feed(broken("till"), *REST)),
    "broken-building": a_report(a_feed(broken("till", building=True), *REST)),
    "none": a_report(a_feed(known("till", Verdict.NONE))),
    "stale": a_report(a_feed(known("till"), *REST, error=DOWN)),
    "broken-stale": a_report(a_feed(broken("till"), *REST), OLD),
    "closed": a_report(a_feed(broken("till"), *REST), lamps=[a_lamp(hours=HOURS)]),
    "lost-light": a_report(a_feed(broken("till"), *REST), lamps=[LOST]),
    "no-daemon": a_report(a_feed(known("till"), *REST)),
    "four-lamps": teams(),
    "five-broken": a_report(a_feed(*reds(5), *REST)),
    "thirty-broken": a_report(a_feed(*reds(30), *REST)),
    "projects-1": busy(1),
    "projects-12": busy(12),
    "projects-120": busy(120),
    "projects-500": busy(500),
    "long-names": a_report(a_feed(broken(LONG), broken(RIGHT_TO_LEFT), known(LONG + "-2"))),
}
SIZES: Mapping[str, tuple[int, int]] = {
    "phone": (390, 844),
    "laptop": (1280, 800),
    "television": (1920, 1080),
    "4k": (3840, 2160),
    "portrait": (1080, 1920),
}
PATHS: Mapping[str, Sequence[str]] = {
    "page": ["/", "phone", "laptop", "television", "4k"],
    "wall": ["/wall", "television", "4k", "portrait"],
}
GONE = (
    "show = alive = () => {}; { const real = Date.now; Date.now = () => real() + 60_000; } tick()"
)


def sheet(folder: Path, words: Sequence[str]) -> list[str]:
    """Take the pictures, and return their names."""
    names = []
    with tempfile.TemporaryDirectory() as profile, Chromium(Path(profile)) as browser:
        for state, report in STATES.items():
            if words and not any(word in state for word in words):
                continue
            with Served(report) as served:
                tab = browser.tab()
                names += _pictures(tab, served, folder, state)
                tab.close()
    return names


def _pictures(tab: Tab, served: Served, folder: Path, state: str) -> list[str]:
    names = []
    for kind, (path, *sizes) in PATHS.items():
        for size in sizes:
            for scheme in ("light", "dark"):
                tab.resize(*SIZES[size])
                tab.prefer(color_scheme=scheme, reduced_motion="reduce")
                tab.open(served.url(path))
                tab.until("ages.length > 0")
                if state == "no-daemon":
                    tab.js(GONE)
                names.append(f"{kind}-{state}-{size}-{scheme}.png")
                tab.screenshot(folder / names[-1], whole=False)
    return names


def main() -> None:
    """Write the pictures, and a page with all of them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sheet(folder, sys.argv[2:])
    figures = "".join(
        f'<figure><a href="{name}"><img src="{name}" width="384"></a>'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name in names
    )
    style = "figure{display:inline-block;margin:8px;vertical-align:top}body{font:12px sans-serif}"
    (folder / "index.html").write_text(f"<style>{style}</style>{figures}", "utf-8")


if __name__ == "__main__":
    main()
