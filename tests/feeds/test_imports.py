"""Nobody pays for a kind of feed that they have not configured."""

import subprocess
import sys

import pytest

KINDS = {"circleci": "circleci", "forgejo": "gitea", "github": "github", "gitlab": "gitlab"}
"""Kinds, and the folder of each."""
FEEDS = {
    "cctray": "https://ci.example/cc.xml",
    "circleci": "https://app.circleci.com/pipelines/github/acme/shop",
    "forgejo": "https://codeberg.org/acme/shop",
    "github": "https://github.com/acme/shop",
    "gitlab": "https://gitlab.com/acme/shop",
}
SCRIPT = """
import sys
from buildlight.config.settings import check_settings
from buildlight.feeds.sharing import Network
lamp = {"driver": "gpio", "pins": {"red": 17, "green": 22}}
settings = check_settings({"feeds": [{"url": sys.argv[1]}], "lamps": [lamp]})
(feed,) = settings.feeds
feed.kind.open(feed.options, network=Network())
print(*(name for name in sys.modules if name.startswith("buildlight.feeds.")))
"""


@pytest.mark.parametrize("kind", FEEDS)
def test_only_the_configured_kind_is_imported(kind: str) -> None:
    """From the configuration to the open feed; CircleCI does not bring GitHub, say."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, FEEDS[kind]], capture_output=True, text=True, check=True
    )

    folders = {name.split(".")[2] for name in ended.stdout.split()}
    assert folders & {*KINDS.values()} == {KINDS[each] for each in KINDS if each == kind}
