"""Pipelines of GitLab CI: what their JSON says, and what it means for a lamp. Pure.

Facts about rows and words: https://docs.gitlab.com/api/pipelines and GitLab's own list of statuses
(app/models/concerns/ci/has_status.rb).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from buildlight.errors import FeedMalformed
from buildlight.feeds.forge.rows import (
    KEPT,
    activity,
    bounded,
    newest,
    newest_decisive,
    number,
    text,
)
from buildlight.projects.ccxml import parse_time
from buildlight.projects.project import Project, Run

DECISIVE = frozenset({"success", "failed"})
"""Statuses that make a verdict."""
KEEPING = frozenset({"canceled", "skipped", "manual"})
"""Statuses of a pipeline that has ended, or waits for a person: they keep the verdict before."""
WAITING = frozenset(
    {
        *("created", "waiting_for_resource", "waiting_for_callback", "preparing", "pending"),
        *("canceling", "scheduled"),
    }
)
"""Statuses of a pipeline in which nothing of the team's runs yet, or no longer."""

NOT_OF_THE_BRANCH = frozenset(
    {
        *("merge_request_event", "external_pull_request_event", "parent_pipeline", "webide"),
        *("ondemand_dast_scan", "ondemand_dast_validation", "security_orchestration_policy"),
    }
)
"""Sources whose pipelines say nothing about the branch that they name; GitLab's own "latest" leaves
most of them out, too."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline. *previous* is how it had ended before its jobs were retried, if known."""

    id: int
    label: str
    ref: str
    status: str
    source: str
    created: datetime | None
    updated: datetime | None
    url: str
    commit: str = ""
    previous: str = ""

    @property
    def finished(self) -> bool:
        """Whether it has ended, or waits for a person."""
        return self.status not in WAITING and self.status != "running"

    @property
    def decided(self) -> str:
        """The word that makes the verdict, of before its jobs were run again if need be."""
        return self.status if self.status in DECISIVE else self.previous

    @property
    def scheduled(self) -> bool:
        """Whether a schedule started it."""
        return self.source == "schedule"


def parse_pipelines(document: object) -> tuple[Pipeline, ...]:
    """Return the pipelines of a listing; a row that cannot be read is left out.

    Raises :class:`FeedMalformed` if *document* is not a listing, or has rows and none is readable.
    """
    if not isinstance(document, list):
        raise FeedMalformed("not a list of pipelines; is this GitLab's API? check api")
    found = tuple(each for row in document if (each := _pipeline(row)) is not None)
    if document and not found:
        raise FeedMalformed("none of the pipelines can be read; is this GitLab's API? check api")
    return found


def _pipeline(row: object) -> Pipeline | None:
    if not isinstance(row, dict):
        return None
    identifier, shown = number(row, "id"), number(row, "iid")
    if identifier is None:
        return None
    return Pipeline(
        id=identifier,
        label=str(identifier if shown is None else shown),
        ref=text(row, "ref"),
        status=text(row, "status").lower(),
        source=text(row, "source"),
        created=parse_time(text(row, "created_at")),
        updated=parse_time(text(row, "updated_at")),
        url=text(row, "web_url"),
        commit=text(row, "sha"),
    )


def counts(pipeline: Pipeline, *, branch: str) -> bool:
    """Return whether *pipeline* says something about *branch*: GitLab's filter adds others."""
    return pipeline.ref == branch and pipeline.source not in NOT_OF_THE_BRANCH


Pipelines = Mapping[int, Pipeline]
"""The pipelines of one project that count, by their id."""


def merge(known: Pipelines, seen: Iterable[Pipeline]) -> Pipelines:
    """Return *known* with what *seen* tells anew; how a retried pipeline had ended is kept."""
    merged = dict(known)
    for pipeline in seen:
        before = merged.get(pipeline.id)
        if before is None:
            merged[pipeline.id] = pipeline
        elif not _is_older(pipeline, before):
            ended = "" if pipeline.status in DECISIVE else before.decided
            merged[pipeline.id] = replace(pipeline, previous=ended)
    # Schedules and the rest may be projects of their own, and fifty commits may skip CI in a row.
    parts = [{k: p for k, p in merged.items() if p.scheduled is part} for part in (True, False)]
    since = (each for part in parts for each in pipelines_since_verdict(part))
    others = sorted(each.id for each in since if each.status != "skipped")
    return bounded(merged, decisive=[*map(_decided, parts), *others[-KEPT:]])


def _is_older(one: Pipeline, other: Pipeline) -> bool:
    """Return whether *one* is an older copy of *other*."""
    try:
        return bool(one.updated and other.updated and one.updated < other.updated)
    except TypeError:  # A time with a zone, and one without.
        return False


def decisive(pipelines: Pipelines) -> Pipeline | None:
    """Return the newest pipeline that has a verdict, or had one before its jobs were retried."""
    return pipelines.get(_decided(pipelines))


def _decided(pipelines: Pipelines) -> int:
    return newest_decisive(pipelines, lambda each: each.decided)


def pipelines_since_verdict(pipelines: Pipelines) -> tuple[Pipeline, ...]:
    """Return the one that decides, and those after it, newest first: what they do next matters."""
    decided = _decided(pipelines)
    return tuple(each for key, each in sorted(pipelines.items(), reverse=True) if key >= decided)


def project_of(
    name: str, pipelines: Pipelines, *, now: datetime, manual_passes: bool = False
) -> Project:
    """Return the project called *name* that its *pipelines* add up to at *now*.

    Its status is the word of the newest decisive pipeline; an unknown word itself, if a pipeline
    after a passing one ended with it. With *manual_passes* a pipeline that waits for a person has
    passed.
    """
    if manual_passes:
        pipelines = {
            key: replace(each, status="success") if each.status == "manual" else each
            for key, each in pipelines.items()
        }
    last, decided = newest(pipelines), decisive(pipelines)
    if last is None:
        return Project(name=name, activity="Sleeping", last_build_status="Unknown")
    # A word that nobody knows confirms no pass; a red before it stays as it is.
    red = decided is not None and decided.decided == "failed"
    odd = None if red else _odd(pipelines_since_verdict(pipelines))
    shown = odd or decided or last
    word = decided.decided if decided else ""
    return Project(
        name=name,
        activity=_activity(pipelines, now=now),
        last_build_status=(odd.status or "null") if odd else word or "Unknown",
        last_build_label=shown.label,
        last_build_time=shown.created,
        web_url=last.url if not last.finished else shown.url,
        run=Run(shown.ref, shown.commit, started=shown.created),
    )


def _odd(since: Iterable[Pipeline]) -> Pipeline | None:
    """Return the newest that ended with a word that is not known."""
    known = DECISIVE | KEEPING
    return next((each for each in since if each.finished and each.status not in known), None)


def _activity(pipelines: Pipelines, *, now: datetime) -> str:
    unfinished = (each for each in pipelines.values() if not each.finished)
    return activity(
        ((each.status, each.updated or each.created) for each in unfinished),
        running="running",
        now=now,
    )
