"""Writes buildlight/shipped/ from the program itself; `python docs/reference.py` does it, too.

Completion of bash, zsh and fish (by shtab), two manual pages and the schema of the configuration.
They are files of the package, because nothing of ours should start at a press of Tab. A test fails
when they are out of date.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import wrap
from types import ModuleType
from typing import Any

import reference
import shtab
from pydantic import BaseModel

from buildlight.cli.arguments import parser
from buildlight.config.hours import HoursTable
from buildlight.config.mqtt import MqttTable
from buildlight.config.page import PageTable
from buildlight.config.schema import make_schema
from buildlight.config.tables import FeedTable, LampTable, Top
from buildlight.drivers.gpio.boards import BOARDS
from buildlight.drivers.serial.options import SerialOptions
from buildlight.feeds import GROUP as KINDS
from buildlight.feeds.auth import Auth
from buildlight.system.plugins import built_in

HERE = Path(__file__).parents[1] / "buildlight" / "shipped"
DATE = "2026-12-01"

# Completion. The names of lamps are read by the shell itself: a Pi Zero takes seconds for Python.

_AWK = r"""awk '
      /^[ \t]*\[/ { table = $0; sub(/#.*/, "", table); gsub(/[ \t]/, "", table) }
      table == "[[lamps]]" && /^[ \t]*name[ \t]*=/ {
        sub(/^[^=]*=[ \t]*/, ""); quote = substr($0, 1, 1); rest = substr($0, 2)
        end = (quote == "\"" || quote == "\047") ? index(rest, quote) : 0
        if (end) print substr(rest, 1, end - 1)
      }' "$file" 2>/dev/null"""
_PLACES = (
    '/etc/buildlight/buildlight.toml "${XDG_CONFIG_HOME:-$HOME/.config}/buildlight/buildlight.toml"'
)

_BASH = f"""
# Print the names of the lamps of the configuration, or of the one behind --config.
_buildlight_lamps() {{
  local file="" number name place
  for ((number = 1; number < COMP_CWORD; number++)); do
    [[ ${{COMP_WORDS[number]}} == --config ]] || continue
    file=${{COMP_WORDS[number + 1]}}
    [[ $file == = ]] && file=${{COMP_WORDS[number + 2]}}
  done
  for place in {_PLACES}; do
    [[ -z $file && -r $place ]] && file=$place
  done
  file=${{file/#\\~\\//$HOME/}}
  {_AWK} | while IFS= read -r name; do
    [[ $name == "$1"* ]] && printf '%q\\n' "$name"
  done
}}

# Print the serial ports, by the names that stay.
_buildlight_ports() {{
  compgen -W "$(shopt -s nullglob; echo auto /dev/serial/by-id/* /dev/ttyUSB* /dev/ttyACM*)" -- "$1"
}}
"""

_ZSH = f"""
_buildlight_lamps() {{
  local file="${{opt_args[--config]:-}}" place
  if [[ -z $file ]]; then
    for place in {_PLACES}; do
      [[ -r $place ]] && file=$place && break
    done
  fi
  file=${{file/#\\~\\//$HOME/}}
  local -a lamps
  lamps=("${{(@f)$({_AWK})}}")
  compadd -a lamps
}}

_buildlight_ports() {{
  local -a ports
  ports=(auto /dev/serial/by-id/*(N) /dev/ttyUSB*(N) /dev/ttyACM*(N))
  compadd -a ports
}}
"""

_FISH = f"""
function __buildlight_lamps
  set -l words (commandline -opc)
  set -l file
  for number in (seq (count $words))
    if test "$words[$number]" = --config; and test $number -lt (count $words)
      set file (string replace -r '^~/' $HOME/ -- $words[(math $number + 1)])
    else if string match -q -- '--config=*' $words[$number]
      set file (string replace -- '--config=' '' $words[$number])
    end
  end
  if test -z "$file"
    set -l own $HOME/.config
    set -q XDG_CONFIG_HOME; and set own $XDG_CONFIG_HOME
    set file $own/buildlight/buildlight.toml
    test -r /etc/buildlight/buildlight.toml; and set file /etc/buildlight/buildlight.toml
  end
  {_AWK}
end

function __buildlight_ports
  echo auto
  for port in /dev/serial/by-id/* /dev/ttyUSB* /dev/ttyACM*
    echo $port
  end
end
"""

_FILES = {"bash": "_shtab_compgen_files", "zsh": "_files", "fish": "(__fish_complete_path)"}
_LAMPS = {"bash": "_buildlight_lamps", "zsh": "_buildlight_lamps", "fish": "(__buildlight_lamps)"}
_PORTS = {"bash": "_buildlight_ports", "zsh": "_buildlight_ports", "fish": "(__buildlight_ports)"}


def _values() -> Mapping[str, Any]:
    """Return what completes each option with a value: words, or a function of each shell."""
    protocols = SerialOptions.model_fields["protocol"].annotation
    return {
        "driver": built_in("buildlight.drivers"),
        "kind": built_in(KINDS),
        "board": tuple(BOARDS),
        "protocol": getattr(protocols, "__args__", ()),
        "config": _FILES,
        "token_file": _FILES,
        "lamp": _LAMPS,
        "port": _PORTS,
    }


def commands(whole: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the command parsers of *whole* that are shown, by name."""
    (sub,) = [each for each in whole._actions if isinstance(each, argparse._SubParsersAction)]
    shown = [each.dest for each in sub._choices_actions if each.help != argparse.SUPPRESS]
    return {name: sub.choices[name] for name in shown}


def completion(shell: str) -> str:
    """Return the completion of *shell*."""
    whole = parser()
    values = _values()
    for command in commands(whole).values():
        for action in command._actions:
            found = values.get(action.dest) if action.nargs != 0 else None
            if isinstance(found, dict):
                action.complete = found  # type: ignore[attr-defined]
            elif found and action.choices is None:
                action.choices = found
    preamble = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
    return shtab.complete(whole, shell, preamble=preamble[shell]).rstrip() + "\n"


# Manual pages, in the man(7) language.


def roff(text: str) -> str:
    """Return *text*, which may have marks of Markdown, in roff."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(text.split()))
    plain = plain.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", plain)


def _filled(text: str) -> Iterator[str]:
    """Yield *text* in short lines, with each sentence on its own, as roff wants it."""
    for sentence in re.split(r"(?<=[.!?]) (?=[A-Z`])", " ".join(text.split())):
        for line in wrap(roff(sentence), 60, break_long_words=False, break_on_hyphens=False):
            yield f"\\&{line}" if line[0] in ".'" else line  # Not a request of roff.


def _tagged(tag: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {roff(tag)}"
    yield from _filled(text or "no description")


def _page(name: str, section: int, title: str, lines: Iterator[str]) -> str:
    head = [
        '.\\" Generated by docs/shipped.py; do not edit.',
        f'.TH {name.upper()} {section} "{DATE}" "buildlight" "Manual of buildlight"',
        ".SH NAME",
        f"{name} \\- {title}",
    ]
    return "\n".join([*head, *lines]) + "\n"


def command_page() -> str:
    """Return buildlight(1)."""
    return _page("buildlight", 1, "shows the state of your builds on a light", _command_lines())


def _command_lines() -> Iterator[str]:
    whole = parser()
    yield from (".SH SYNOPSIS", ".B buildlight", ".I command", "[options]")
    yield ".SH DESCRIPTION"
    yield from _filled(whole.description or "")
    yield from _filled(whole.epilog or "")
    yield ".SH COMMANDS"
    for name, command in commands(whole).items():
        yield f".SS buildlight {name}"
        yield from _filled(command.description or "")
        for tag, text in reference.arguments(command):
            yield from _tagged(tag.strip("`"), text)
        if command.epilog:
            yield ".PP"
            yield from _filled(command.epilog)
    yield ".SH EXIT STATUS"
    for status, text in reference.STATUSES:
        yield from _tagged(status, text)
    yield ".SH ENVIRONMENT"
    for key in Top.model_fields:
        yield from _tagged(f"BUILDLIGHT_{key.upper()}", f"overrides `{key}` of the configuration")
    yield from _tagged("BUILDLIGHT_SECRET_NAME", "the secret called NAME, if no file holds it")
    yield ".SH FILES"
    for file, text in _PATHS:
        yield from _tagged(file, text)
    yield from (
        ".SH SEE ALSO",
        ".BR buildlight.toml (5),",
        ".BR systemctl (1),",
        ".BR journalctl (1)",
    )


_PATHS = (
    ("/etc/buildlight/buildlight.toml", "the configuration of the machine"),
    ("~/.config/buildlight/buildlight.toml", "the configuration of a user, if there is no other"),
    ("/etc/buildlight/secrets/", "secrets, one file each, named after the secret"),
    ("/run/buildlight/status.json", "what the service knows now; `buildlight explain` reads it"),
    ("/var/lib/buildlight/", "the verdicts that outlive a restart"),
)


def configuration_page() -> str:
    """Return buildlight.toml(5)."""
    return _page("buildlight.toml", 5, "the configuration of buildlight", _configuration_lines())


_EXAMPLE = """interval = 30

[[feeds]]
name = "web"
url = "https://ci.example/cc.xml"

[[lamps]]
driver = "gpio"
pins = { red = 17, amber = 27, green = 22 }"""


def _configuration_lines() -> Iterator[str]:
    yield ".SH DESCRIPTION"
    yield from _filled(
        "The configuration is one TOML file. Seconds are numbers. Unknown keys are errors. "
        "`buildlight check` says whether it is right, and `buildlight schema` prints its schema."
    )
    yield from (".SH EXAMPLE", ".nf", *map(_verbatim, _EXAMPLE.splitlines()), ".fi")
    yield from _section("KEYS ABOVE THE FIRST TABLE", "", Top)
    yield from _section("[[feeds]]", "One table for each feed.", FeedTable)
    for name in built_in(KINDS):
        options = _options(KINDS, name)
        yield from _subsection(f'[[feeds]] with kind = "{name}"', options)
    yield from _subsection("auth of a feed", Auth)
    yield from _section("[[lamps]]", "One table for each lamp.", LampTable)
    for name in built_in("buildlight.drivers"):
        yield from _subsection(
            f'[[lamps]] with driver = "{name}"', _options("buildlight.drivers", name)
        )
    yield from _subsection("hours of a lamp", HoursTable)
    yield from _section("[page]", "Without this table there is no page.", PageTable)
    yield from _section("[mqtt]", "Without this table nothing is published.", MqttTable)
    yield from (".SH SEE ALSO", ".BR buildlight (1)")


def _verbatim(line: str) -> str:
    return line.replace("\\", "\\e").replace("-", "\\-") or ".sp"


def _options(group: str, name: str) -> type[BaseModel]:
    sys.modules.setdefault("busylight_core", ModuleType("busylight_core"))  # An extra.
    (offer,) = entry_points(group=group, name=name)
    options: type[BaseModel] = offer.load().Options
    return options


def _section(title: str, text: str, model: type[BaseModel]) -> Iterator[str]:
    yield f'.SH "{title}"'
    yield from _filled(text) if text else ()
    yield from _keys(model)


def _subsection(title: str, model: type[BaseModel]) -> Iterator[str]:
    quoted = title.replace('"', "\\(dq")
    yield f'.SS "{quoted}"'
    yield from _keys(model)


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name != "options":
            default = reference.default(field)
            text = (field.description or "").rstrip(".")
            known = default not in ("none", "see the description")
            yield from _tagged(field.alias or name, f"{text} ({default})" if known else text)


def schema() -> str:
    """Return the JSON schema of the configuration."""
    sys.modules.setdefault("busylight_core", ModuleType("busylight_core"))
    return json.dumps(make_schema(ours_only=True), indent=1, ensure_ascii=False) + "\n"


FILES: Mapping[str, Callable[[], str]] = {
    "completion/buildlight.bash": lambda: completion("bash"),
    "completion/_buildlight": lambda: completion("zsh"),
    "completion/buildlight.fish": lambda: completion("fish"),
    "man/buildlight.1": command_page,
    "man/buildlight.toml.5": configuration_page,
    "buildlight.schema.json": schema,
}


def main() -> None:
    """Write every file."""
    for name, make in FILES.items():
        file = HERE / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
