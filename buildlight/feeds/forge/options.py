"""The keys that the feeds of all forges have: one repository, on one branch, behind one API."""

from typing import ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from buildlight.feeds.auth import Auth
from buildlight.feeds.http.options import HttpOptions, check_address, is_in_the_clear
from buildlight.feeds.secret import Secret


class ForgeOptions(HttpOptions):
    """A repository of a forge. A kind of forge derives its own, and says what its words are."""

    forge: ClassVar[str] = ""
    """The kind in the configuration, with which the feed's identity begins."""
    home: ClassVar[str] = ""
    """Address of the public server, where a bare ``OWNER/NAME`` is; empty if there is none."""
    noun: ClassVar[str] = "repository"
    """What this forge calls the place of code."""
    example: ClassVar[str] = "https://git.example/OWNER/REPO"
    """How its address is written."""

    token_header: ClassVar[str] = ""
    """Name of the header of a token; a bearer token unless set."""

    has_ccxml: ClassVar[bool] = False
    """Whether the server publishes a cc.xml, too, so that `discover` tries both."""

    branch: str | None = Field(
        default=None, min_length=1, description="branch; the repository's default branch unless set"
    )
    api: str | None = Field(
        default=None, description="address of the API; derived from `url` unless set"
    )

    @field_validator("url")
    @classmethod
    def _is_a_place_of_code(cls, url: str) -> str:
        parts = urlsplit(url)
        if "@" in parts.netloc or parts.query:
            raise ValueError(f"has a token or a query in it; write only {cls.example}")
        if "/" not in path_of(url):
            raise ValueError(f"is not a {cls.noun}; write it as {cls.example}")
        return url

    @field_validator("api")
    @classmethod
    def _is_an_api(cls, api: str | None, info: ValidationInfo) -> str | None:
        if api is None:
            return None
        check_address(api)
        if "@" in urlsplit(api).netloc or urlsplit(api).query:
            raise ValueError("has a token or a query in it; write only the address")
        if info.data.get("auth") is not None and is_in_the_clear(api):
            raise ValueError("would send the token in the clear; use https")
        return api

    @field_validator("auth")
    @classmethod
    def _is_not_sent_in_the_clear(cls, auth: Auth | None, info: ValidationInfo) -> Auth | None:
        if auth is not None and is_in_the_clear(info.data.get("url", "")):
            raise ValueError("would send the token in the clear; use https in url")
        return auth

    @classmethod
    def address_of(cls, repository: str) -> str:
        """Return the address of *repository*, which is one already, or ``OWNER/NAME``."""
        has_host = "://" in repository or not cls.home
        return repository if has_host else f"{cls.home}/{repository.strip('/')}"

    @classmethod
    def auth_with(cls, secret: Secret) -> Auth:
        """Return how this forge takes the token *secret*."""
        if cls.token_header:
            return Auth(kind="header", name=cls.token_header, secret=secret)
        return Auth(kind="bearer", secret=secret)

    @property
    def full_name(self) -> str:
        """Owner and repository, as in the address."""
        return "/".join(path_of(self.url).split("/")[:2]).removesuffix(".git")

    @property
    def suggested_name(self) -> str:
        """Owner and repository, and the branch if one is written."""
        return f"{self.full_name} ({self.branch})" if self.branch else self.full_name

    @property
    def identity(self) -> str:
        """The repository and the branch: verdicts of one branch say nothing about another."""
        host = urlsplit(self.url).hostname
        return f"{self.forge}:{host}/{self.full_name}@{self.branch or ''}"

    @property
    def base(self) -> str:
        """The address of the repository in the API."""
        raise NotImplementedError


def path_of(url: str) -> str:
    """Return the path of *url*, without the slashes around it and the ending that git takes."""
    return unquote(urlsplit(url).path).strip("/").removesuffix(".git")
