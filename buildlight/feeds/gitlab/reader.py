"""Reads the pipelines of one project: one listing a poll, and seldom more."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice

from buildlight.errors import FeedRefused
from buildlight.feeds.gitlab.pipelines import (
    Pipeline,
    Pipelines,
    counts,
    decisive,
    merge,
    parse_pipelines,
    pipelines_since_verdict,
)
from buildlight.feeds.json_api import JsonApi

PAGE, HISTORY = 20, 100
"""Rows of the listing, and of the one that is read where that is not enough."""
FOLLOWED = 10
"""Pipelines asked for by their id in one poll, in turn."""
GONE = 404

Part = tuple[str, Pipelines]
"""What becomes one project: its source, empty for most, and its pipelines."""


class PipelineReader:
    """The pipelines of one project on one *branch*; *schedules* is the key of the options."""

    def __init__(self, api: JsonApi, *, branch: str, schedules: str) -> None:
        self.branch = branch
        self._api = api
        self._schedules = schedules
        self._pipelines: Pipelines = {}
        self._shown: frozenset[int] = frozenset()
        self._last_row = 0
        self._turn = 0
        self._last_turn: dict[int, int] = {}
        self._looked_back: set[str] = set()
        self._asked: dict[int, datetime | None] = {}

    async def read(self) -> None:
        """Bring the pipelines up to date; raises :class:`FeedError`."""
        await self._read_newest()
        await self._look_back()
        await self._follow()
        await self._ask_about_retries()

    def parts(self) -> tuple[Part, ...]:
        """Return what becomes a project each: everything, and the schedules where they count."""
        if self._schedules == "together":
            return (("", self._pipelines),)
        scheduled = _by_id(p for p in self._pipelines.values() if p.scheduled)
        others = _by_id(p for p in self._pipelines.values() if not p.scheduled)
        if self._schedules == "ignore":
            return (("", others),)
        return (("", others), ("schedule", scheduled))

    async def _read_newest(self) -> None:
        """Read the listing, and more of it if a page was not enough."""
        before = self._last_row
        rows = await self._api.read("/pipelines", parse_pipelines, ref=self.branch, per_page=PAGE)
        self._take(rows)
        if before and not rows:
            raise FeedRefused(
                "GitLab lists no pipeline any more: CI/CD was disabled or hidden from the token, "
                "or every pipeline was deleted; check the project's settings"
            )
        if before and len(rows) >= PAGE and min(each.id for each in rows) > before:
            await self._list(per_page=HISTORY)
            if self._schedules == "separate":
                await self._list(per_page=PAGE, source="schedule")
        self._shown = frozenset(each.id for each in rows)
        self._last_row = max((each.id for each in rows), default=before)

    async def _list(self, **query: str | int) -> None:
        """Read another listing, once."""
        rows = await self._api.get_once("/pipelines", ref=self.branch, **query)
        self._take(parse_pipelines(rows))

    def _take(self, rows: Iterable[Pipeline]) -> None:
        counted = (each for each in rows if counts(each, branch=self.branch))
        self._pipelines = merge(self._pipelines, counted)

    async def _look_back(self) -> None:
        """Read further back, once, where the listing decides nothing."""
        for source, pipelines in self.parts():
            if source not in self._looked_back and decisive(pipelines) is None:
                query = {"source": source} if source else {}
                await self._list(per_page=HISTORY, **query)
                self._looked_back.add(source)

    async def _follow(self) -> None:
        """Read the pipelines that decide or may decide by their id, if the listing lacks them.

        Their jobs may be run again, or they were deleted. Where the one that decides was, the one
        before it takes its place only if it is proved to exist.
        """
        proved = {*self._shown}
        if any(self._deciding(proved)):
            # Its answer may be newer than the listing, in which a later one seems to go on still.
            proved -= {each.id for each in self._pipelines.values() if not each.finished}
        self._turn += 1
        for left in reversed(range(FOLLOWED)):
            waiting = self._waiting(proved, skipped_first=not left)
            asked = next(chain(self._deciding(proved), waiting), None)
            if asked is None:
                break
            proved.add(asked.id)
            self._last_turn[asked.id] = self._turn
            await self._ask_for(asked)
        for lost in self._deciding(proved):
            self._pipelines = _by_id(
                each for each in self._pipelines.values() if each.id in proved or each.id > lost.id
            )

    def _deciding(self, proved: set[int]) -> Iterator[Pipeline]:
        for _, pipelines in self.parts():
            found = decisive(pipelines)
            if found is not None and found.id not in proved:
                yield found

    def _waiting(self, proved: set[int], *, skipped_first: bool) -> list[Pipeline]:
        """Return those that may decide and are not *proved*; what was asked longest ago is first.

        Few of those that were skipped have a job that can be started later, and they may be many.
        """

        def turn(pipeline: Pipeline) -> tuple[bool, int]:
            skipped = pipeline.status == "skipped"
            return skipped is not skipped_first, self._last_turn.get(pipeline.id, 0)

        found = (
            each
            for _, pipelines in self.parts()
            for each in pipelines_since_verdict(pipelines)
            if each.id not in proved
        )
        return sorted(found, key=turn)

    async def _ask_for(self, pipeline: Pipeline) -> None:
        try:
            rows = await self._api.read(f"/pipelines/{pipeline.id}", _only)
        except FeedRefused as refused:
            if refused.status != GONE:
                raise
            self._pipelines = _by_id(p for p in self._pipelines.values() if p.id != pipeline.id)
        else:
            self._take(rows)

    async def _ask_about_retries(self) -> None:
        """Read whether a pipeline that is seen without a verdict was red before.

        Once for each change: it may have failed and begun again between two polls.
        """
        for _, pipelines in self.parts():
            doubtful = (
                each
                for each in pipelines_since_verdict(pipelines)
                if (not each.finished or each.status in {"canceled", "manual"})
                and not each.decided
                and (each.id, each.updated) not in self._asked.items()
            )
            for each in islice(doubtful, FOLLOWED):
                jobs = await self._api.get_once(
                    f"/pipelines/{each.id}/jobs", include_retried="true", per_page=100
                )
                self._asked[each.id] = each.updated
                if isinstance(jobs, list) and any(map(_was_retried, jobs)):
                    red = replace(each, previous="failed")
                    self._pipelines = {**self._pipelines, each.id: red}
        self._asked = {k: at for k, at in self._asked.items() if k in self._pipelines}
        self._last_turn = {k: n for k, n in self._last_turn.items() if k in self._pipelines}


def _only(row: object) -> tuple[Pipeline, ...]:
    return parse_pipelines([row])


def _by_id(some: Iterable[Pipeline]) -> Pipelines:
    return {each.id: each for each in some}


def _was_retried(job: object) -> bool:
    return (
        isinstance(job, dict)
        and job.get("status") == "failed"
        and not job.get("allow_failure")
        and job.get("retried") is not False
    )
