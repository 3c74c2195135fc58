"""What a poller publishes of a feed, checked as it comes in: nothing of it is trusted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from buildlight.errors import FeedMalformed
from buildlight.projects.project import Activity, BuildStatus, Message, Project, is_mark
from buildlight.redaction import printable

MOST = 50_000
"""Most projects in one document."""
STATUS = {
    "broken": BuildStatus.FAILURE,
    "passing": BuildStatus.SUCCESS,
    "none": BuildStatus.UNKNOWN,
}

Text = Annotated[str, Field(max_length=2000)]
Boot = Annotated[str, Field(pattern=r"^buildlight-[0-9a-f]{16}$")]


class _Wire(BaseModel):
    """A message; keys that a later version adds are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _ProjectRow(_Wire):
    name: Text
    verdict: Literal["broken", "passing", "none"]
    building: bool = Field(strict=True)
    label: Text = ""
    web_url: Text = ""
    last_build_time: datetime | None = None
    breakers: tuple[Text, ...] = Field(default=(), max_length=100)
    marks: tuple[Text, ...] = Field(default=(), max_length=100)

    def project(self, boot: str) -> Project:
        """Return the project, with the mark of the daemon that passes it on."""
        return Project(
            name=self.name,
            activity=(Activity.BUILDING if self.building else Activity.SLEEPING).value,
            last_build_status=STATUS[self.verdict].value,
            last_build_label=self.label,
            last_build_time=self.last_build_time,
            web_url=self.web_url,
            messages=tuple(Message(name, "Breakers") for name in self.breakers),
            marks=(*filter(is_mark, self.marks), boot),
        )


class _FeedDocument(_Wire):
    version: Literal[1]
    boot: Boot
    rev: int = Field(strict=True, ge=0)
    state: Literal["fresh", "stale", "never"]
    error: Text | None = None
    doubted: tuple[Text, ...] = Field(default=(), max_length=MOST)
    projects: tuple[_ProjectRow, ...] = Field(max_length=MOST)


class Beat(_Wire):
    """A sign of life: *seq* rises with every one of a *boot*, *revs* are what holds now."""

    boot: Boot
    seq: int = Field(strict=True, ge=0)
    revs: dict[Text, int]


@dataclass(frozen=True, slots=True)
class Document:
    """How a feed stands: its *projects*, or the *fault* that forbids to believe them.

    *boot* is the poller's start that published it, *rev* goes up with every change.
    """

    boot: str
    rev: int
    projects: tuple[Project, ...]
    fault: str | None = None


def read_document(payload: bytes, *, own: str) -> Document:
    """Return the document in *payload*, without rows of the daemon *own*.

    Two daemons that follow each other would otherwise grow by each other's rows. Raises
    :class:`FeedMalformed`.
    """
    try:
        told = _FeedDocument.model_validate_json(payload)
    except ValidationError as exc:
        key = ".".join(str(each) for each in exc.errors()[0]["loc"]) or "it"
        where = printable(key, limit=60)
        raise FeedMalformed(
            f"what is published there is not a feed of buildlight ({where}); check topic"
        ) from exc
    fault = None
    if told.state != "fresh":
        fault = told.error or "it has no fresh news"
    elif told.doubted:
        names = ", ".join(printable(name, limit=60) for name in sorted(told.doubted)[:3])
        fault = f"its last result of {names} may be outdated"
    projects = tuple(row.project(told.boot) for row in told.projects)
    projects = tuple(each for each in projects if own not in each.marks)
    return Document(told.boot, told.rev, projects, fault)


def read_beat(payload: bytes) -> Beat | None:
    """Return the beat in *payload*; ``None`` for anything else, which proves nothing."""
    try:
        return Beat.model_validate_json(payload)
    except ValidationError:
        return None
