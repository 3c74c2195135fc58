"""A configuration that is there already: shown without secrets, with what could be added."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from buildlight.cli.setup.choose_light import lights_of
from buildlight.cli.setup.document import addable
from buildlight.cli.setup.questions import Asker
from buildlight.config.settings import LARGEST
from buildlight.drivers.inventory import look
from buildlight.errors import ConfigError
from buildlight.redaction import (
    SHORTEST_SECRET,
    looks_random,
    printable,
    scrub,
    secrets_in,
)
from buildlight.system.regular_file import read_regular_file


def show_existing(asker: Asker, file: Path) -> None:
    """Show *file*, which stays as it is, and what could be added to it.

    Raises :class:`ConfigError` if it cannot be read.
    """
    try:
        text = read_regular_file(file, limit=LARGEST).decode(errors="replace")
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from exc
    asker.say(f"{file} is there already, and stays as it is:")
    asker.say()
    for line in without_secrets(text).splitlines():
        asker.say(f"  {printable(line, limit=500)}")
    asker.say()
    tables = _could_be_added(text)
    if tables:
        asker.say("This could be added at its end:")
        for table in tables:
            asker.say()
            for line in table.splitlines():
                asker.say(f"  {line}")
        asker.say()
    asker.say(f"Another feed: buildlight discover ADDRESS >> {file}")
    asker.say(f"See what the lamp would show: buildlight check --config {file}")


def without_secrets(text: str) -> str:
    """Return *text* of a configuration without what could be a secret in it."""
    return scrub(text, secrets_of(text))


def secrets_of(text: str) -> frozenset[str]:
    """Return what could be a secret in *text* of a configuration, whether it is sound or not."""
    secrets: set[str] = set()
    for value in re.findall(r"""["']([^"'\n]+)["']""", text):
        secrets |= (
            secrets_in(value) if "://" in value else {value} if looks_random(value) else set()
        )
    for value in re.findall(_SECRET_KEY, text):
        secrets.add(value)
    return frozenset(each for each in secrets if len(each) >= SHORTEST_SECRET)


_SECRET_KEY = re.compile(
    r"""(?:password|passwd|token|secret_value|api_key)["']?\s*=\s*["']?([^"'\s,}]+)""",
    re.IGNORECASE,
)
"""Keys that nobody should have, and that somebody has by mistake."""


def _could_be_added(text: str) -> tuple[str, ...]:
    try:
        written: Mapping[str, object] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return ()  # `check` says what is wrong with it.
    found = [light.keys for light in lights_of(look()) if light.found and not light.wants]
    return addable(written, found)
