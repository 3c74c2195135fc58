"""``repos``: several repositories with the same keys, each a feed of its own."""

import subprocess
import sys
from typing import Any

import pytest

from buildlight.config.settings import check_settings
from buildlight.errors import ConfigError
from buildlight.feeds.forge.options import ForgeOptions

LAMP = {"driver": "console"}


def feeds(*lamps: dict[str, Any], **table: Any) -> list[tuple[str, str]]:
    """Return name and address of each feed."""
    settings = check_settings({"feeds": [table], "lamps": [*lamps] or [LAMP]})
    told = []
    for feed in settings.feeds:
        assert isinstance(feed.options, ForgeOptions)
        told.append((feed.name, feed.options.url))
    return told


def test_each_repository_is_a_feed_of_its_own() -> None:
    """A fault of one does not take the news of the others with it; a lamp can watch one."""
    lamp = {**LAMP, "feeds": ["acme/web"]}

    assert feeds(lamp, kind="github", repos=["acme/shop", "acme/web"]) == [
        ("acme/shop", "https://github.com/acme/shop"),
        ("acme/web", "https://github.com/acme/web"),
    ]


def test_an_address_says_its_kind_and_its_server() -> None:
    """On a server of one's own there is no other way."""
    assert feeds(repos=["https://gitlab.com/a/b", "https://github.com/a/b"]) == [
        ("a/b", "https://gitlab.com/a/b"),
        ("a/b 2", "https://github.com/a/b"),
    ]
    assert feeds(kind="gitlab", repos=["https://git.example/a/b/c"], branch="main") == [
        ("a/b/c (main)", "https://git.example/a/b/c")
    ]


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ({"repos": "acme/shop", "kind": "github"}, r"feeds\[0\].repos: should be a list"),
        ({"repos": [], "kind": "github"}, r"feeds\[0\].repos: is empty"),
        ({"repos": ["acme/shop"]}, r"feeds\[0\].repos: needs a kind"),
        ({"repos": ["acme/shop"], "kind": "cctray"}, r"feeds\[0\].repos: needs a kind"),
        (
            {"repos": ["acme/shop"], "kind": "github", "url": "https://github.com/acme/web"},
            r"feeds\[0\].repos: .* remove url",
        ),
        ({"repos": ["acme/shop"], "kind": "github", "name": "x"}, r"repos: .* remove name"),
        ({"repos": ["a/b", "shop"], "kind": "github"}, r"feeds\[0\].repos\[1\]: is not a repos"),
        ({"repos": ["a/b", "c/d"], "kind": "github", "pin": 1}, r"feeds\[0\].pin: unknown key"),
    ],
)
def test_each_mistake_is_told_once_and_where_it_is_written(
    table: dict[str, Any], mistake: str
) -> None:
    """Not once for each repository."""
    with pytest.raises(ConfigError, match=mistake) as wrong:
        feeds(**table)

    assert len(wrong.value.mistakes) == 1


def test_no_kind_is_imported_that_is_not_configured() -> None:
    """A Pi Zero pays for what it follows, and for nothing else."""
    program = """
import sys
from buildlight.config.settings import check_settings
check_settings({"feeds": [{"url": "https://ci.example/cc.xml"}], "lamps": [{"driver": "console"}]})
print(*sorted(each for each in sys.modules if "git" in each or "json_api" in each))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert done.stdout == "\n"
