"""A project on GitLab in which anything happens."""

import random
from collections.abc import Mapping
from datetime import timedelta

from support.fake_gitlab import UNFINISHED, FakeGitLab, FakePipeline

ENDINGS = (
    *("success", "success", "failed", "failed", "canceled", "skipped", "manual"),
    "of_tomorrow",
)
RETRIED = frozenset({"success", "failed", "canceled", "manual"})
"""How a pipeline ended that has jobs to be run again, or for the first time."""
STRANGE = (
    {"ref": "refs/merge-requests/3/head", "source": "merge_request_event"},
    {"ref": "refs/merge-requests/3/merge", "source": "merge_request_event"},
    {"source": "parent_pipeline"},
    {"ref": "topic"},
)
"""Pipelines that say nothing about main."""


class BusyGitLab:
    """A project whose events fall as *dice* do."""

    def __init__(self, dice: random.Random) -> None:
        self.forge = FakeGitLab()
        self.dice = dice

    @property
    def lags(self) -> bool:
        """Whether the list is old."""
        return self.forge.replica is not None

    def truths(self) -> Mapping[str, str | None]:
        """Return how pushes and schedules stand."""
        name = "shop"
        return {
            name: self.forge.truth(),
            f"{name} (schedule)": self.forge.truth(scheduled=True),
        }

    def act(self) -> None:
        """Let one thing happen."""
        forge, dice = self.forge, self.dice
        forge.clock += timedelta(seconds=dice.choice((1, 5, 30, 300)))
        unfinished = [each for each in forge.pipelines if each.status in UNFINISHED]
        ended = [each for each in forge.pipelines if each.status not in UNFINISHED]
        again = [each for each in ended if each.status in RETRIED and forge.has_shown(each)]
        match dice.randrange(10):
            case 0 | 1:
                self._begin()
            case 2 if unfinished:
                forge.become(dice.choice(unfinished), dice.choice(sorted(UNFINISHED)))
            case 3 | 4 | 5 if unfinished:
                self._end(dice.choice(unfinished))
            case 6 | 7 if again:
                self._retry(dice.choice(again))
            case 8 if ended:
                self._remove(ended)
            case 9:
                self._crowd()

    def _begin(self) -> FakePipeline:
        strange = self.dice.random() < 0.3
        ours = {"source": self.dice.choice(("push", "push", "schedule", "web"))}
        return self.forge.pipeline("created", **(self.dice.choice(STRANGE) if strange else ours))

    def _retry(self, pipeline: FakePipeline) -> None:
        self.forge.retry(pipeline)
        if self.dice.random() < 0.5:
            self._end(pipeline)

    def _end(self, pipeline: FakePipeline) -> None:
        """End *pipeline*: one of which jobs were run again is skipped no more."""
        endings = [word for word in ENDINGS if word != "skipped" or not pipeline.ended]
        self.forge.become(pipeline, self.dice.choice(endings))

    def _remove(self, ended: list[FakePipeline]) -> None:
        if self.dice.random() < 0.5:
            self.forge.expire(self.dice.randrange(1, 30))
        else:
            self.forge.delete(self.dice.choice(ended))

    def _crowd(self) -> None:
        """Skip some commits, or have lists lag behind, or no longer."""
        if self.dice.random() < 0.5:
            for _ in range(self.dice.choice((1, 12, 25))):
                self.forge.pipeline("skipped")
        elif self.forge.replica is None and self.dice.random() < 0.4:
            self.forge.lag()
        else:
            self.forge.replica = None
