"""The ``[page]`` table of the configuration, checked: where the page is, and its names."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from buildlight.config.problems import Problems
from buildlight.publish.web.settings import PageSettings

KEY = "page"


def _listen(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(
            'is no IP address; "127.0.0.1" is this machine alone, "0.0.0.0" every network it is in'
        ) from None


_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}[a-z0-9_])?(\.[a-z0-9_-]{1,63})*")


def _host(text: str) -> str:
    name = text.strip().lower().removesuffix(".")
    if not _HOST.fullmatch(name):
        raise ValueError('is no host name; write it as "lamp.example", without http:// and port')
    return name


class _PageTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    listen: Annotated[str, AfterValidator(_listen)] = PageSettings().listen
    port: Annotated[int, Field(ge=1, le=65_535, strict=True)] = PageSettings().port
    names: tuple[Annotated[str, AfterValidator(_host)], ...] = ()


def page_settings(document: Mapping[str, Any], mistakes: Problems) -> PageSettings | None:
    """Return what the ``[page]`` table of *document* says; without it there is no page."""
    if KEY not in document:
        return None
    written = document[KEY]
    if not isinstance(written, dict):
        mistakes.add(KEY, f"is no table; write [{KEY}] above its keys")
        return None
    with mistakes.at(KEY, known=[*_PageTable.model_fields]):
        table = _PageTable.model_validate(written)
        return PageSettings(table.listen, table.port, frozenset(table.names))
    return None
