"""The keys of a feed of kind ``gitlab``."""

from typing import Literal
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from buildlight.feeds.auth import Auth
from buildlight.feeds.http.options import HttpOptions, is_in_the_clear


class GitLabOptions(HttpOptions):
    """A project, and which of its pipelines count."""

    branch: str | None = Field(
        default=None, min_length=1, description="branch; the project's default branch unless set"
    )
    schedules: Literal["separate", "together", "ignore"] = Field(
        default="separate",
        description="scheduled pipelines: a project of their own, the same project, or not counted",
    )
    manual: Literal["keep", "success"] = Field(
        default="keep",
        description="a pipeline that waits for a person keeps the verdict before, or has passed",
    )
    api: str | None = Field(
        default=None,
        description="address of the API, for a GitLab below a path; derived from `url` unless set",
    )

    @field_validator("url")
    @classmethod
    def _is_a_project(cls, url: str) -> str:
        parts = urlsplit(url)
        if "@" in parts.netloc or parse_qsl(parts.query):
            raise ValueError("has a token or a query in it; write only https://HOST/GROUP/PROJECT")
        if "/" not in _path(url):
            raise ValueError("is not a project; write it as https://gitlab.com/GROUP/PROJECT")
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
    def full_name(self) -> str:
        """Groups and project, as in the address; below a path only the part that `api` leaves."""
        path = _path(self.url)
        if self.api is not None:
            root = urlsplit(self.api).path.strip("/").removesuffix("api/v4").strip("/")
            path = path.removeprefix(f"{root}/") if root else path
        return path

    @property
    def suggested_name(self) -> str:
        """Groups and project."""
        return self.full_name

    @property
    def identity(self) -> str:
        """The project and the branch: verdicts of one branch say nothing about another."""
        return f"gitlab:{urlsplit(self.url).hostname}/{self.full_name}@{self.branch or ''}"

    @property
    def base(self) -> str:
        """The address of the project in the API."""
        parts = urlsplit(self.url)
        root = (self.api or f"{parts.scheme}://{parts.netloc}/api/v4").rstrip("/")
        return f"{root}/projects/{quote(self.full_name, safe='')}"


def _path(url: str) -> str:
    """Return the path of a project in *url*, without the pages below it."""
    return urlsplit(url).path.partition("/-/")[0].strip("/").removesuffix(".git")
