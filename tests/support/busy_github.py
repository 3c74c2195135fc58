"""A repository on GitHub in which anything happens."""

import random
from collections.abc import Mapping
from datetime import timedelta

from support.fake_github import FORK, FakeGitHub, FakeRun

CONCLUSIONS = (
    *("success", "failure", "cancelled", "skipped", "timed_out", "startup_failure"),
    *("neutral", "stale", "action_required", "of_tomorrow"),
)
STRANGE = (
    {"repository": FORK, "event": "pull_request"},
    {"repository": FORK, "event": "pull_request_target"},
    {"event": "pull_request", "branch": "topic"},
    {"event": "workflow_run"},
    {"event": "merge_group", "branch": "gh-readonly-queue/main/pr-1"},
    {"branch": "topic"},
)
"""Runs that say nothing about main."""


class BusyGitHub:
    """A repository whose events fall as *dice* do."""

    def __init__(self, dice: random.Random) -> None:
        self.forge = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml", 7: "nightly.yml"})
        self.dice = dice

    @property
    def lags(self) -> bool:
        """Whether the unfiltered list is old."""
        return self.forge.replica is not None

    def truths(self) -> Mapping[str, str | None]:
        """Return how each workflow stands."""
        return {
            f"shop: {file.removesuffix('.yml')}": self.forge.truth(number)
            for number, file in self.forge.workflows.items()
        }

    def act(self) -> None:
        """Let one thing happen."""
        forge, dice = self.forge, self.dice
        forge.clock += timedelta(seconds=dice.choice((1, 5, 30, 300)))
        unfinished = [run for run in forge.runs if run.last.conclusion is None]
        ended = [run for run in forge.runs if run.last.conclusion is not None]
        match dice.randrange(12):
            case 0 | 1:
                self._push()
            case 2 if unfinished:
                forge.start(dice.choice(unfinished))
            case 3 | 4 | 5 if unfinished:
                self._end(dice.choice(unfinished))
            case 6 | 7 if ended:
                self._rerun(ended)
            case 8 if ended:
                self._remove(ended)
            case 9:
                for _ in range(dice.choice((1, 35, 70, 140))):
                    forge.end(forge.push(workflow=6))
            case 10 | 11:
                self._lag()

    def _push(self) -> FakeRun:
        strange = self.dice.choice(STRANGE)
        ours = {"event": self.dice.choice(("push", "push", "schedule", "workflow_dispatch"))}
        workflow = self.dice.choice((5, 5, 7))
        return self.forge.push(workflow, **(strange if self.dice.random() < 0.3 else ours))

    def _end(self, run: FakeRun) -> None:
        conclusion = self.dice.choice((*CONCLUSIONS, "success", "failure"))
        broken = conclusion == "cancelled" and self.dice.random() < 0.5
        self.forge.end(run, conclusion, broken_job=broken)

    def _remove(self, ended: list[FakeRun]) -> None:
        if self.dice.random() < 0.5:
            self.forge.expire(self.dice.randrange(1, 60))
        else:
            self.forge.delete(self.dice.choice(ended))

    def _rerun(self, ended: list[FakeRun]) -> None:
        again = self.dice.choice([run for run in ended if run.workflow != 6] or ended)
        self.forge.rerun(again)
        if self.dice.random() < 0.5:
            self._end(again)

    def _lag(self) -> None:
        """Have filtered lists lag behind, or all, or none."""
        if self.dice.random() < 0.5:
            self.forge.indexed = [*self.forge.runs] if self.dice.random() < 0.5 else None
        elif self.forge.replica is None and self.dice.random() < 0.4:
            self.forge.lag()
        else:
            self.forge.replica = None
