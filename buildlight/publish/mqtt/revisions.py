"""What holds now, and the revision of each part of it. Pure.

A revision is never used twice in one start of the daemon, so that a part that vanished and came
back is not taken for what it was.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from buildlight.publish.mqtt.documents import documents
from buildlight.report.report import Report


class Revisions:
    """The documents of the last report, each with the revision that it got when it changed."""

    def __init__(self) -> None:
        self._report: Report | None = None
        self._last = 0
        self._known: dict[str, tuple[int, dict[str, Any]]] = {}

    def __iter__(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Yield the key, the revision and the document of everything."""
        return ((key, revision, document) for key, (revision, document) in self._known.items())

    def take(self, report: Report) -> None:
        """Give everything that is different in *report* a new revision."""
        if report is self._report:
            return
        self._report = report
        before, self._known = self._known, {}
        for key, document in documents(report).items():
            known = before.get(key)
            if known is None or known[1] != document:
                self._last += 1
                known = (self._last, document)
            self._known[key] = known

    def numbers(self) -> Mapping[str, int]:
        """Return the revision of everything, as a beat names it."""
        return {key: revision for key, (revision, _) in self._known.items()}
