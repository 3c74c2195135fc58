"""Lints a feed: warnings about one document, each with a remedy. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import escape

from buildlight.projects.pipelines import pipeline_of
from buildlight.projects.project import Activity, Project, activity_of, status_of, unknown_words
from buildlight.projects.verdict import DEFINITE, Verdict
from buildlight.redaction import printable
from buildlight.wording import count

LONG = timedelta(days=365)
"""A project that was last built longer ago is dead, most likely."""
MANY = 100
"""With more projects, a lamp can hardly say more than that one of them is broken."""
NAMED = 3
"""How many names a sentence has before it counts the rest."""
WRITTEN = 20
"""Most names or words in a suggestion; a server may send any number."""
LONGEST = 60
"""Letters of the longest word in a suggestion."""


@dataclass(frozen=True, slots=True)
class LintWarning:
    """A *sentence* with a remedy, and the *line* of TOML that may be the remedy."""

    sentence: str
    line: str | None = None


def lint(projects: Sequence[Project], clock: datetime) -> tuple[LintWarning, ...]:
    """Return the warnings about the *projects* of a feed at the time of day *clock*."""
    found = (check(tuple(projects), clock) for check in _CHECKS)
    return tuple(warning for warning in found if warning is not None)


def quoted(text: str) -> str:
    """Return *text* as a TOML string on one line, without control characters."""
    return '"' + "".join(_ESCAPES.get(letter) or _plain(letter) for letter in text) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def _plain(letter: str) -> str:
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"


def _named(names: Iterable[str]) -> str:
    names = tuple(names)
    told = ", ".join(printable(name, limit=40) or "(no name)" for name in names[:NAMED])
    more = len(names) - NAMED
    return f"{told} and {more} more" if more > 0 else told


def _nothing(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    if projects:
        return None
    return LintWarning(
        "The feed has no projects, so the lamp would never be green. Some servers show nothing "
        "without authentication: try a user or a token, or check the address."
    )


def _many(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    if len(projects) <= MANY:
        return None
    return LintWarning(
        f"{len(projects)} projects are many for one lamp: include those that matter, or ask the "
        "server for a view.",
        f"include = [{quoted(_pattern(projects[0].name))}]",
    )


def _pattern(name: str) -> str:
    """Return a glob for *name* and its like."""
    return f"{_literal(pipeline_of(name).split('-')[0][:LONGEST])}*"


def _literal(name: str) -> str:
    # A name may look like a glob, or like the mark of a regular expression.
    literal = escape(name)
    return f"[r]{literal[1:]}" if literal.startswith("re:") else literal


def _strange_words(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    words = sorted(unknown_words(projects))
    if not words:
        return None
    table = ", ".join(f'{quoted(word)} = "keep"' for word in _short(words))
    return LintWarning(
        f"Unknown words: {_named(words)}. They keep the verdict; write passing or broken if that "
        "is what a word means.",
        f"words = {{ {table} }}" if table else None,
    )


def _short(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if 0 < len(text) <= LONGEST][:WRITTEN]


def _never_built(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    strange = unknown_words(projects)
    names = [
        project.name
        for project in projects
        if status_of(project) not in DEFINITE
        and project.last_build_status.strip().lower() not in strange
        and activity_of(project) is not Activity.BUILDING
    ]
    if not names:
        return None
    left_out = ", ".join(quoted(_literal(name)) for name in _short(dict.fromkeys(names)))
    return LintWarning(
        f"{count(len(names), 'project')} never completed a build, or cannot (folders): "
        f"{_named(names)}. They make no lamp green; exclude them if they never will.",
        f"exclude = [{left_out}]" if left_out else None,
    )


def _all_red(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    broken = [DEFINITE.get(status_of(project)) is Verdict.BROKEN for project in projects]
    if len(broken) <= 1 or not all(broken):
        return None
    return LintWarning(
        "Every project is broken, and a lamp that is always red says nothing: include the projects "
        "that somebody looks after.",
        f"include = [{quoted(_pattern(projects[0].name))}]" if len(projects) <= MANY else None,
    )


def _long_dead(projects: tuple[Project, ...], clock: datetime) -> LintWarning | None:
    names = [project.name for project in projects if _is_dead(project, clock)]
    if not names:
        return None
    return LintWarning(
        f"{count(len(names), 'project')} had the last build more than a year ago: "
        f"{_named(names)}. With this line they stop counting after a year (in seconds).",
        f"ignore_older_than = {LONG.total_seconds():.0f}",
    )


def _is_dead(project: Project, clock: datetime) -> bool:
    told = project.last_build_time
    if told is None or status_of(project) not in DEFINITE:
        return False  # CruiseControl.rb says 1970 of what was never built.
    # Half a day does not matter here.
    built = told if told.tzinfo else told.replace(tzinfo=UTC)
    return activity_of(project) is not Activity.BUILDING and clock - built > LONG


def _no_zone(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    times = [project.last_build_time for project in projects if project.last_build_time]
    naive = [time for time in times if time.tzinfo is None]
    if not naive:
        return None
    return LintWarning(
        f"{count(len(naive), 'time')} of {len(times)} without a time zone. The lamp does not need "
        "it; `since` will be the time at which buildlight saw the build. A newer server may "
        "send it."
    )


def _repeated(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    names = [name for name, times in Counter(each.name for each in projects).items() if times > 1]
    if not names:
        return None
    return LintWarning(
        f"{count(len(names), 'name')} more than once: {_named(names)}. Each project counts, "
        "but include and exclude cannot tell them apart; rename them on the server if that matters."
    )


def _stages(projects: tuple[Project, ...], _clock: datetime) -> LintWarning | None:
    parts = Counter(pipeline_of(each.name) for each in projects if _is_stage(each))
    pipelines = [name for name, stages in parts.items() if stages > 1]
    if not pipelines:
        return None
    return LintWarning(
        f"The names look like stages of pipelines: {_named(pipelines)}. Count each pipeline "
        "once, by its worst stage.",
        'roll_up = "pipeline"',
    )


def _is_stage(project: Project) -> bool:
    # A bare slash stands in owner/repository, too: only Concourse's links tell the difference.
    concourse = "/" in project.name and "/pipelines/" in project.web_url
    return " :: " in project.name or " / " in project.name or concourse


Check = Callable[[tuple[Project, ...], datetime], LintWarning | None]

_CHECKS: tuple[Check, ...] = (
    _nothing,
    _many,
    _all_red,
    _stages,
    _long_dead,
    _never_built,
    _strange_words,
    _no_zone,
    _repeated,
)
