"""The ``[page]`` table of the configuration, checked: address, port and host names."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from buildlight.config.problems import Problem, Table, validated
from buildlight.config.suggestions import Homes
from buildlight.publish.web.settings import PageSettings
from buildlight.redaction import printable

KEY = "page"
LONGEST_TITLE = 100
"""Most characters of a title."""

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}[a-z0-9_])?(\.[a-z0-9_-]{1,63})*")


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(
            'is not an IP address; "127.0.0.1" is this machine only, "0.0.0.0" all its networks'
        ) from None


def _host(text: str) -> str:
    name = text.strip().lower().removesuffix(".")
    if not _HOST.fullmatch(name):
        raise ValueError('is not a host name; write "lamp.example", without http:// and port')
    return name


def _title(text: str) -> str:
    title = text.strip()
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise ValueError(f"should have 1 to {LONGEST_TITLE} characters")
    return printable(title)


class PageTable(Table):
    """The ``[page]`` table."""

    listen: Annotated[str, AfterValidator(_address)] = Field(
        examples=["127.0.0.1"],
        default=PageSettings().listen,
        description='IP address to listen at; `"0.0.0.0"` or `"::"` for every network',
    )
    port: int = Field(
        default=PageSettings().port, ge=1, le=65_535, strict=True, description="TCP port"
    )
    names: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(
        default=(),
        examples=[["lamp.example"]],
        description="list of further host names of the page; `localhost`, the machine's own "
        "names and its "
        "IP addresses always work",
    )
    title: Annotated[str, AfterValidator(_title)] = Field(
        default=PageSettings().title,
        examples=["Team Checkout"],
        description="heading of the page and of the wall: your team or office, at most 100 "
        "characters",
    )


def page_settings(
    document: Mapping[str, Any], problems: list[Problem], homes: Homes
) -> PageSettings | None:
    """Return what the ``[page]`` table of *document* says; without it there is no page.

    *homes* are where keys belong that it does not know.
    """
    if KEY not in document:
        return None
    if not isinstance(document[KEY], dict):
        problems.append(Problem((KEY,), f"is not a table; write [{KEY}] above its keys"))
        return None
    table = validated(PageTable, (KEY,), document[KEY], problems, homes=homes)
    if table is None:
        return None
    return PageSettings(table.listen, table.port, frozenset(table.names), table.title)
