"""The settings of the page, checked."""

from dataclasses import dataclass

TITLE = "Build lamp"
"""The heading of a page to which nobody gave another."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Where the page is: an IP address of this machine and a port.

    *names* are host names of the page, besides those that the machine knows; *title* is its
    heading.
    """

    listen: str = "127.0.0.1"
    port: int = 8080
    names: frozenset[str] = frozenset()
    title: str = TITLE

    @property
    def address(self) -> str:
        """What to open in a browser on this machine."""
        host = f"[{self.listen}]" if ":" in self.listen else self.listen
        return f"http://{host}:{self.port}/"
