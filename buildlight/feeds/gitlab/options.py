"""The keys of a feed of kind ``gitlab``."""

from typing import ClassVar, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field

from buildlight.feeds.forge.options import ForgeOptions, path_of


class GitLabOptions(ForgeOptions):
    """A project, and which of its pipelines count."""

    forge: ClassVar[str] = "gitlab"
    home: ClassVar[str] = "https://gitlab.com"
    noun: ClassVar[str] = "project"
    token_header: ClassVar[str] = "PRIVATE-TOKEN"  # noqa: S105 - a name
    example: ClassVar[str] = "https://gitlab.com/GROUP/PROJECT"

    schedules: Literal["separate", "together", "ignore"] = Field(
        default="separate",
        description="scheduled pipelines: a project of their own, the same project, or not counted",
    )
    manual: Literal["keep", "success"] = Field(
        default="keep",
        description="a pipeline that waits for a person keeps the verdict before, or has passed",
    )

    @property
    def full_name(self) -> str:
        """Groups and project, as in the address; below a path only the part that `api` leaves."""
        path = path_of(self.url).partition("/-/")[0].removesuffix("/-").removesuffix(".git")
        if self.api is not None:
            root = path_of(self.api).removesuffix("api/v4").strip("/")
            path = path.removeprefix(f"{root}/") if root else path
        number = path.removeprefix("projects/")
        return number if number.isdecimal() else path

    @property
    def by_number(self) -> bool:
        """Whether the address is ``https://HOST/projects/NUMBER``."""
        return self.full_name.isdecimal()

    @property
    def root(self) -> str:
        """The address of the API."""
        parts = urlsplit(self.url)
        return (self.api or f"{parts.scheme}://{parts.netloc}/api/v4").rstrip("/")

    @property
    def base(self) -> str:
        """The address of the project in the API."""
        return f"{self.root}/projects/{quote(self.full_name, safe='')}"
