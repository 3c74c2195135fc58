"""Takes the pictures docs/page.png and docs/wall-*.png: run it after a change of the page.

.venv/bin/python tests/publish/web/picture.py       (with the extra "test", and chromium)
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.chromium import Chromium
from support.reports import DOWN, a_feed, a_report, broken, known
from support.serving import Served

PICTURE = Path(__file__).parents[3] / "docs" / "page.png"
REPORT = a_report(
    a_feed(
        broken("shop-api", building=True, last_build_label="1812"),
        known("shop-web", building=True, last_build_label="977"),
        *(known(f"shop-service-{number}") for number in range(1, 41)),
        name="jenkins",
    ),
    a_feed(known("handbook"), name="gocd"),
)


REST = [known(f"shop-service-{number}") for number in range(1, 41)]
OLD = a_feed(known("handbook"), name="gocd", error=DOWN)
WALLS = {
    "passing": a_report(a_feed(known("till"), *REST)),
    "broken": a_report(a_feed(broken("till"), broken("shop-api", building=True), *REST)),
    "broken-stale": a_report(a_feed(broken("till"), *REST), OLD),
    "stale": a_report(a_feed(known("till"), *REST, error=DOWN)),
}


def main() -> None:
    """Show a report, and take a picture of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Chromium(Path(folder)) as browser,
        Served(REPORT) as served,
    ):
        tab = browser.tab(width=800, height=700)
        tab.prefer(reduced_motion="reduce")  # The light is lit in it.
        tab.open(served.url())
        tab.until("ages.length > 0")
        tab.screenshot(PICTURE)
        tab.resize(640, 360)
        for name, report in WALLS.items():
            served.show(report)
            tab.open(served.url("/wall"))
            tab.screenshot(PICTURE.with_name(f"wall-{name}.png"), whole=False)


if __name__ == "__main__":
    main()
