"""The errors of this program, as a tree by the person who has to act.

::

    BuildlightError
    ├── ConfigError             the person who wrote the configuration; exit 78
    │   └── DriverNotFound      … or who has not installed a driver
    ├── FeedError               the administrator of the CI server; never fatal
    │   ├── FeedUnreachable     no answer: name, network, certificate, time
    │   ├── FeedRefused         an answer that says no: a status other than 200
    │   └── FeedMalformed       an answer that is not a feed
    ├── LightUnavailable        a person at the lamp; exit 1
    │   └── LightBusy           … or the person who started the program that uses it
    ├── StatusUnknown           the administrator of this machine: no status to read; exit 1
    ├── FolderInUse             the person who started a second daemon; exit 1
    ├── WorkerFailed            the person who reports it: a thread of this program failed; exit 1
    └── ServiceError            the person who installs the service; exit 1

Each has a sentence with what, where and the remedy, without secrets. Only ``cli`` prints it.
"""

from collections.abc import Iterable, Mapping


class BuildlightError(Exception):
    """An error that this program can explain."""


class ConfigError(BuildlightError):
    """A configuration that cannot be used; *mistakes* holds all of them, one sentence each."""

    def __init__(self, *mistakes: str) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class DriverNotFound(ConfigError):
    """A driver that is not installed; *installed* are the names of the others."""

    def __init__(self, name: str, *, installed: Iterable[str]) -> None:
        self.name = name
        self.installed = tuple(installed)
        super().__init__(f"no such driver; installed are: {', '.join(self.installed)}")


class FeedError(BuildlightError):
    """A poll that gave no projects; the sentence does not contain the name of the feed."""


class FeedUnreachable(FeedError):
    """The server did not answer, or not in time."""


class FeedRefused(FeedError):
    """The server refused the request.

    *status* is the HTTP status, ``None`` if a document contains the refusal. *retry_after* is the
    number of seconds that the server asks to wait, ``None`` if it does not say. *headers* are
    those of the answer, in lower case. *reason* is the beginning of its body, in lower case: it
    tells refusals apart, and is never shown.
    """

    def __init__(
        self,
        sentence: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        self.status = status
        self.retry_after = retry_after
        self.headers = headers or {}
        self.reason = reason
        super().__init__(sentence)


class FeedMalformed(FeedError):
    """The server answered with something that is not a feed."""


class LightUnavailable(BuildlightError):
    """A light that cannot be opened, or that is lost."""


class LightBusy(LightUnavailable):
    """A light that another program uses."""


class FolderInUse(BuildlightError):
    """A state folder that another daemon uses."""


class WorkerFailed(BuildlightError):
    """A thread of this program failed, for instance for lack of memory."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"a thread of this program failed ({reason}); the lamps are dark")


class StatusUnknown(BuildlightError):
    """There is no status file that can be read."""


class ServiceError(BuildlightError):
    """The service cannot be installed, removed or queried."""
