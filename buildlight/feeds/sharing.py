"""What all open feeds share: the HTTP client, and whatever feeds of one server have in common."""

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from buildlight.feeds.http.client import HttpClient
    from buildlight.network.http_library import httpx

Shared = TypeVar("Shared")


class Network:
    """The network, as feeds see it. Each part is made when the first feed needs it.

    *transport* replaces the network in tests.
    """

    def __init__(self, *, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        self._transport = transport
        self._shared: dict[Hashable, object] = {}

    @cached_property
    def http(self) -> "HttpClient":
        """The HTTP client of all feeds."""
        # Imported late: httpx takes a Pi Zero seconds, and a lamp shows something first.
        from buildlight.feeds.http.client import HttpClient  # noqa: PLC0415

        return HttpClient(transport=self._transport)

    def shared(self, key: Hashable, make: Callable[[], Shared]) -> Shared:
        """Return what is kept under *key*, made by the first feed that asks: a rate limit, say."""
        if key not in self._shared:
            self._shared[key] = make()
        return cast("Shared", self._shared[key])
