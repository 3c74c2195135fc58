"""Workflows of a repository: which there are, and which of them count. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.forge.rows import number, text

ACTIVE, INACTIVE = "active", "disabled_inactivity"
"""The states of a workflow that runs, and of one that GitHub stopped after 60 quiet days."""

DISABLED = ("disabled_manually", "disabled_fork")
"""The states of a workflow that a person stopped, or that a fork has not begun."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of the repository; *path* is that of its file."""

    id: int
    path: str
    state: str

    @property
    def file(self) -> str:
        """The name of its file: what the configuration calls it."""
        return file_of(self.path)

    @property
    def name(self) -> str:
        """The name of its file without the ending: what people call it."""
        return self.file.removesuffix(".yml").removesuffix(".yaml")


def file_of(path: str) -> str:
    """Return the name of the file at *path*."""
    return path.rpartition("/")[2]


def parse_workflows(document: object) -> tuple[Workflow, ...]:
    """Return the workflows of a listing, by file; raises :class:`FeedMalformed`."""
    rows = document.get("workflows") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise FeedMalformed("not a list of workflows; is this GitHub's API? check api")
    found = []
    for row in rows:
        identifier = number(row, "id") if isinstance(row, dict) else None
        if identifier is not None and text(row, "path"):
            # Some rows carry the branch behind the path.
            path = text(row, "path").partition("@")[0]
            found.append(Workflow(identifier, path, text(row, "state")))
    return tuple(sorted(found, key=lambda each: each.path))


def named(workflows: Iterable[Workflow], names: Collection[str]) -> tuple[Workflow, ...]:
    """Return those of *workflows* that the configuration *names*; all of them if it names none."""
    files = {file_of(name) for name in names}
    return tuple(each for each in workflows if not files or each.file in files)


def require(names: Collection[str], workflows: Collection[Workflow]) -> None:
    """Raise :class:`FeedRefused` if one of *names* is no workflow that runs."""
    states = {each.file: each.state for each in workflows}
    for name in sorted({file_of(each) for each in names}):
        if name not in states:
            there = ", ".join(sorted(states)) or "none"
            raise FeedRefused(f"no workflow file {name} in this repository; there are: {there}")
        if states[name] != ACTIVE:
            raise FeedRefused(f"workflow {name} is {states[name]}; enable it, or remove it")
