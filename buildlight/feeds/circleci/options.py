"""The keys of a feed of kind ``circleci``."""

from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from buildlight.feeds.forge.options import ForgeOptions, path_of

_SHORT = {"github": "gh", "bitbucket": "bb"}
"""How an address in the browser may call a provider, and how the API does."""


class CircleCIOptions(ForgeOptions):
    """A project, and which of its workflows count."""

    forge: ClassVar[str] = "circleci"
    noun: ClassVar[str] = "project"
    example: ClassVar[str] = "https://app.circleci.com/pipelines/github/OWNER/REPO"
    token_header: ClassVar[str] = "Circle-Token"  # noqa: S105 - not a token, but its header
    has_ccxml: ClassVar[bool] = True

    workflows: tuple[str, ...] = Field(
        default=(),
        description="names of the workflows that count; every workflow of the branch unless set",
    )

    @field_validator("url")
    @classmethod
    def _names_a_project(cls, url: str) -> str:
        if len(_parts(url)) < len(("provider", "owner", "repository")):
            raise ValueError(f"is not a project; write it as {cls.example}")
        return url

    @property
    def full_name(self) -> str:
        """The project's slug: provider, organization and repository."""
        provider, *rest = _parts(self.url)[:3]
        return "/".join([_SHORT.get(provider, provider), *rest])

    @property
    def suggested_name(self) -> str:
        """Organization and repository, and the branch if one is written."""
        name = self.full_name.partition("/")[2]
        return f"{name} ({self.branch})" if self.branch else name

    @property
    def base(self) -> str:
        """The address of the API."""
        parts = urlsplit(self.url)
        if self.api is not None:
            return self.api.rstrip("/")
        if parts.hostname in ("circleci.com", "www.circleci.com", "app.circleci.com"):
            return "https://circleci.com/api/v2"
        return f"{parts.scheme}://{parts.netloc}/api/v2"

    @property
    def warning(self) -> str | None:
        """What a missing token means."""
        if self.auth is None:
            return "no token: CircleCI answers only for public projects; set auth"
        return super().warning


def _parts(url: str) -> list[str]:
    return path_of(url).removeprefix("pipelines/").removeprefix("projects/").split("/")
