"""The keys of a feed of kind ``github``."""

from typing import ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field

from buildlight.feeds.forge.options import ForgeOptions
from buildlight.feeds.github.runs import EVENTS

WITHOUT_TOKEN = 120.0
"""Least seconds between polls without a token: GitHub answers 60 requests an hour and address."""
LEAST_BUILDING = 10.0
"""Least seconds between polls while something is built."""


class GitHubOptions(ForgeOptions):
    """A repository, and which of its workflow runs count."""

    forge: ClassVar[str] = "github"
    home: ClassVar[str] = "https://github.com"
    example: ClassVar[str] = "https://github.com/OWNER/REPO"

    workflows: tuple[str, ...] = Field(
        default=(),
        description="files of the workflows that count (`ci.yml`); every workflow that runs on the "
        "branch unless set",
    )
    events: frozenset[str] = Field(
        default=EVENTS, description="events whose runs count; not those of pull requests"
    )

    @property
    def repository(self) -> str:
        """The repository's name, without its owner."""
        return self.full_name.partition("/")[2]

    @property
    def _is_limited(self) -> bool:
        """Whether few requests are answered; a GitHub Enterprise has no limit of its own."""
        public = urlsplit(self.url).hostname in ("github.com", "www.github.com")
        return public and self.auth is None and self.api is None

    @property
    def base(self) -> str:
        """The address of the repository in the API."""
        parts = urlsplit(self.url)
        host = parts.netloc.lower()
        if self.api is not None:
            root = self.api.rstrip("/")
        elif host in ("github.com", "www.github.com"):
            root = "https://api.github.com"
        elif host.endswith(".ghe.com"):
            root = f"https://api.{host}"
        else:
            root = f"{parts.scheme}://{host}/api/v3"
        return f"{root}/repos/{quote(self.full_name)}"

    @property
    def least_interval(self) -> float:
        """Without a token everybody behind one address shares 60 requests an hour."""
        return WITHOUT_TOKEN if self._is_limited else 0.0

    @property
    def least_building_interval(self) -> float:
        """GitHub asks for restraint: 10 s."""
        return WITHOUT_TOKEN if self._is_limited else LEAST_BUILDING

    @property
    def warning(self) -> str | None:
        """What a missing token costs."""
        if self._is_limited:
            return (
                "no token: GitHub answers 60 requests an hour for this address, so it is polled "
                f"every {WITHOUT_TOKEN:.0f} s; set auth"
            )
        return super().warning
