"""Everything that can fail, drawn as a tree by who must act.

::

    BuildlightError
    ├── ConfigError             the person who wrote the configuration; exit 78
    │   └── DriverNotFound      … or who has not installed a driver
    ├── FeedError               whoever looks after the CI server; never fatal
    │   ├── FeedUnreachable     no answer: name, network, certificate, time
    │   ├── FeedRefused         an answer that says no: a status other than 200
    │   └── FeedMalformed       an answer that is not a feed
    ├── LightUnavailable        whoever can reach the lamp; exit 1
    │   └── LightBusy           … or whoever started the other program that holds it
    ├── StatusUnknown           whoever looks after this machine: no daemon tells how it is; exit 1
    ├── FolderInUse             the person who started a second daemon; exit 1
    ├── WorkerFailed            the person who reports it: a thread of this program failed; exit 1
    └── ServiceError            the person who installs the service; exit 1

Each carries a sentence with what, where and the remedy, free of secrets.
Only ``cli.py`` turns one into text for a person.
"""

from collections.abc import Iterable, Mapping


class BuildlightError(Exception):
    """Whatever this program knows how to explain."""


class ConfigError(BuildlightError):
    """A configuration that cannot be used; *mistakes* holds all of them, one sentence each."""

    def __init__(self, *mistakes: str) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class DriverNotFound(ConfigError):
    """A driver that nobody installed; *installed* names those there are."""

    def __init__(self, name: str, *, installed: Iterable[str]) -> None:
        self.name = name
        self.installed = tuple(installed)
        super().__init__(f"no such driver; installed are: {', '.join(self.installed)}")


class FeedError(BuildlightError):
    """A poll that gave no projects; the sentence does not name the feed, its reader does."""


class FeedUnreachable(FeedError):
    """Nobody answered, or not in time."""


class FeedRefused(FeedError):
    """The server answered and said no.

    *status* is the HTTP status, ``None`` where it said so in a document; *retry_after* is how
    many seconds it asks to be left alone, ``None`` if it did not say; *headers* are those of the
    answer, in lower case.
    """

    def __init__(
        self,
        sentence: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.retry_after = retry_after
        self.headers = headers or {}
        super().__init__(sentence)


class FeedMalformed(FeedError):
    """The server answered with something that is not a feed."""


class LightUnavailable(BuildlightError):
    """A light that cannot be opened, or that went away."""


class LightBusy(LightUnavailable):
    """A light that another program holds."""


class FolderInUse(BuildlightError):
    """A folder whose state another daemon keeps."""


class WorkerFailed(BuildlightError):
    """A thread of this program that failed, out of memory perhaps."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"a thread of this program failed ({reason}); the lamps are dark")


class StatusUnknown(BuildlightError):
    """Nobody has written down how things are, or not so that it can be read."""


class ServiceError(BuildlightError):
    """The service cannot be installed, taken away or asked about."""
