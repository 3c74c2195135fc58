"""The keys of a feed of kind ``github``."""

from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from buildlight.feeds.auth import Auth
from buildlight.feeds.github.runs import EVENTS
from buildlight.feeds.http.options import HttpOptions, is_in_the_clear

WITHOUT_TOKEN = 120.0
"""Least seconds between polls without a token: GitHub answers 60 requests an hour and address."""
LEAST_BUILDING = 10.0
"""Least seconds between polls while something is built."""


class GitHubOptions(HttpOptions):
    """A repository, and which of its workflow runs count."""

    branch: str | None = Field(
        default=None, min_length=1, description="branch; the repository's default branch unless set"
    )
    workflows: tuple[str, ...] = Field(
        default=(),
        description="files of the workflows that count (`ci.yml`); every workflow that runs on the "
        "branch unless set",
    )
    events: frozenset[str] = Field(
        default=EVENTS, description="events whose runs count; not those of pull requests"
    )
    api: str | None = Field(
        default=None, description="address of the API; derived from `url` unless set"
    )

    @field_validator("url")
    @classmethod
    def _is_a_repository(cls, url: str) -> str:
        parts = urlsplit(url)
        if "@" in parts.netloc or parse_qsl(parts.query):
            raise ValueError("has a token or a query in it; write only https://HOST/OWNER/REPO")
        owner, _, repository = parts.path.strip("/").removesuffix(".git").partition("/")
        if not owner or not repository.partition("/")[0]:
            raise ValueError("is not a repository; write it as https://github.com/OWNER/REPO")
        return url

    @field_validator("auth")
    @classmethod
    def _is_not_sent_in_the_clear(cls, auth: Auth | None, info: ValidationInfo) -> Auth | None:
        if auth is not None and is_in_the_clear(info.data.get("url", "")):
            raise ValueError("would send the token in the clear; use https in url")
        return auth

    @field_validator("api")
    @classmethod
    def _gets_no_token_in_the_clear(cls, api: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("auth") is not None and is_in_the_clear(api or ""):
            raise ValueError("would send the token in the clear; use https")
        return api

    @property
    def repository(self) -> str:
        """The repository's name, without its owner."""
        return self.full_name.partition("/")[2]

    @property
    def full_name(self) -> str:
        """Owner and repository, as in the address."""
        path = urlsplit(self.url).path.strip("/").removesuffix(".git")
        return "/".join(path.split("/")[:2]).removesuffix(".git")

    @property
    def suggested_name(self) -> str:
        """Owner and repository."""
        return self.full_name

    @property
    def identity(self) -> str:
        """The repository and the branch: verdicts of one branch say nothing about another."""
        return f"github:{urlsplit(self.url).hostname}/{self.full_name}@{self.branch or ''}"

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
        return 0.0 if self.auth else WITHOUT_TOKEN

    @property
    def least_building_interval(self) -> float:
        """GitHub asks for restraint: 10 s."""
        return LEAST_BUILDING if self.auth else WITHOUT_TOKEN

    @property
    def warning(self) -> str | None:
        """What a missing token costs."""
        if self.auth is None:
            return (
                "no token: GitHub answers 60 requests an hour for this address, so it is polled "
                f"every {WITHOUT_TOKEN:.0f} s; set auth"
            )
        return super().warning
