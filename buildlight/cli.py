"""The command line: arguments to calls, errors to one line and an exit status.

Nothing is imported before it is known what is wanted: a Pi Zero takes seconds for it.
"""

import argparse
import io
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from buildlight import __version__
from buildlight.errors import BuildlightError, ConfigError

if TYPE_CHECKING:
    from buildlight.settings import LampSettings

OK, FAILED, MISCONFIGURED = 0, 1, 78
"""Exit statuses; 78 is EX_CONFIG of sysexits.h, after which systemd need not try again."""
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what *arguments* say and return the exit status."""
    _ready_streams()
    try:
        chosen = _parsed(arguments)
        _log_to_stderr()
        status: int = chosen.call(chosen)
    except ConfigError as exc:
        for mistake in exc.mistakes:
            _complain(mistake)
        return MISCONFIGURED
    except BuildlightError as exc:
        _complain(str(exc))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone, a pager for instance; at exit Python would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    try:
        return _parser().parse_args(arguments)
    finally:
        sys.stdout.flush()  # It may have been a help text, and nobody may be reading it.


def _ready_streams() -> None:
    """Make standard output and error good for any text, and for nobody: each may be closed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A project's name may have letters that this terminal's encoding lacks.
        sys.stdout.reconfigure(errors="replace")


def _complain(sentence: str) -> None:
    sys.stderr.write(f"buildlight: {sentence}\n")


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what standard error is now: a lamp drawn on the terminal replaces it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        pass


def _log_to_stderr() -> None:
    # journald keeps the time itself.
    time = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    handler = _Stderr()
    handler.setFormatter(logging.Formatter(f"{time}%(message)s", datefmt="%H:%M:%S"))
    root = logging.getLogger("buildlight")
    root.handlers = [handler]
    root.setLevel(logging.INFO)


def _run(chosen: argparse.Namespace) -> int:
    from buildlight import daemon, settings

    daemon.run(settings.load_settings(settings.find_file(chosen.config)))
    return OK


def _check(chosen: argparse.Namespace) -> int:
    from buildlight import check, settings, terminal
    from buildlight.report import to_json

    configured = settings.load_settings(settings.find_file(chosen.config))
    with terminal.progress(len(configured.feeds) + len(configured.lamps)) as on_step:
        finding = check.check(configured, on_step=on_step)
    if chosen.json:
        terminal.say(json.dumps(to_json(finding.report), indent=2))
        for name, sentence in (*finding.warnings, *finding.troubles):
            _complain(f"{name}: {sentence}")
    else:
        terminal.show_finding(finding)
    return OK if finding.sound else FAILED


def _test(chosen: argparse.Namespace) -> int:
    from buildlight import check, terminal, wiring
    from buildlight.errors import LightUnavailable

    # Or it would end at once, and leave the light as it is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    watcher = terminal.Unasked(chosen.pause) if chosen.yes else terminal.Asked()
    failed = False
    for lamp in _lamps_to_test(chosen):
        terminal.say(f"{lamp.name} (driver {lamp.driver})")
        try:
            walk = wiring.walk(lamp, watcher)
        except LightUnavailable as exc:
            _complain(f"{lamp.name}: driver {lamp.driver!r}: {check.explained(exc)}")
            failed = True
            continue
        except EOFError:
            _complain("nobody answers; use --yes to walk without being asked")
            return FAILED
        for sentence in walk.advice:
            terminal.say(f"  {sentence}")
        right = walk.steps - len(walk.failed)
        seen = "walked, nobody was asked" if chosen.yes else f"walked, {right} of them right"
        terminal.say(f"{lamp.name}: {walk.steps} steps {seen}")
        failed = failed or bool(walk.failed)
    return FAILED if failed else OK


def _lamps_to_test(chosen: argparse.Namespace) -> "tuple[LampSettings, ...]":
    from buildlight import settings

    if chosen.driver:
        keys = {"pins": chosen.pins, "port": chosen.port, "protocol": chosen.protocol}
        given = {key: value for key, value in keys.items() if value is not None}
        return (settings.lamp_from_keys(chosen.driver, given),)
    lamps = settings.load_settings(settings.find_file(chosen.config)).lamps
    if chosen.lamp is None:
        return lamps
    named = tuple(lamp for lamp in lamps if lamp.name == chosen.lamp)
    if not named:
        there = ", ".join(lamp.name for lamp in lamps)
        raise ConfigError(f"--lamp: no lamp has this name; there are: {there}")
    return named


def _discover(chosen: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from buildlight import advice
    from buildlight.feeds.discover import discover

    person = advice.person(chosen.user, chosen.token_file)
    found = discover(chosen.url, person=person, on_try=advice.on_try())
    best = found.best
    if best is not None and not isinstance(best.outcome, BuildlightError):
        for line in advice.advice(found, best, clock=datetime.now(tz=UTC)):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if best is not None and best.projects:
        return OK
    for complaint in advice.complaints(found):
        _complain(complaint)
    return FAILED


def _demo(chosen: argparse.Namespace) -> int:
    from buildlight import demo

    logging.getLogger("buildlight").setLevel(logging.ERROR)  # the captions tell the story
    demo.run_demo(chosen.seconds)
    return OK


def _hours(chosen: argparse.Namespace) -> int:
    from itertools import islice

    from buildlight import daemon, settings, terminal
    from buildlight.hours import switches

    for lamp in settings.load_settings(settings.find_file(chosen.config)).lamps:
        if lamp.hours is None:
            terminal.say(f"{lamp.name}: always open")
            continue
        terminal.say(f"{lamp.name}:")
        for moment, opening in islice(switches(lamp.hours, daemon.time_of_day()), SWITCHES):
            terminal.say(f"  {moment:%a %Y-%m-%d %H:%M %Z}  {'opens' if opening else 'closes'}")
    return OK


SWITCHES = 10
"""How many switches of its office hours are told for a lamp."""


def _pins(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(channel.strip() and pin.strip() for channel, _, pin in pairs):
        raise argparse.ArgumentTypeError("write it as red=17,amber=27,green=22")
    names = [channel.strip() for channel, _, _ in pairs]
    if len({*names}) < len(names):
        raise argparse.ArgumentTypeError("names a channel twice")
    return {channel.strip(): pin.strip() for channel, _, pin in pairs}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("is no number") from None
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="buildlight",
        description="A build lamp that never lies: polls the cc.xml feeds of CI servers and "
        "shows on a light how the builds stand.",
        epilog="New here? Start with `buildlight demo`, which needs no lamp and no server.",
    )
    parser.add_argument("--version", action="version", version=f"buildlight {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    _add_run(commands)
    _add_discover(commands)
    _add_check(commands)
    _add_test(commands)
    _add_hours(commands)
    _add_demo(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def _add_run(commands: Commands) -> None:
    run = commands.add_parser(
        "run",
        help="follow the feeds and light the lamps, until SIGTERM or Ctrl-C",
        description="Follow the feeds and light the lamps, until SIGTERM or Ctrl-C; then leave "
        "every lamp dark.",
    )
    _add_config(run)
    run.set_defaults(call=_run)


def _add_discover(commands: Commands) -> None:
    discover = commands.add_parser(
        "discover",
        help="find the feed of a CI server, and print its table for the configuration",
        description="Look for the cc.xml feed of a CI server: at the URL itself and, unless it "
        "ends in .xml or .aspx, at the places where servers are known to keep one. Prints a "
        "[[feeds]] table for the configuration, with what is odd about the feed in comments. "
        "Exit status 0 if a feed with projects was found, 1 if none was, 78 for a URL that "
        "cannot be tried.",
        epilog="Examples: buildlight discover ci.example; "
        "buildlight discover https://jenkins.example/view/all --user lamp; "
        "buildlight discover https://circleci.com/gh/acme/web --token-file token.txt. "
        "Secrets are asked for or read from a file, never taken from the command line, where "
        "everybody on this machine can see them. For one that belongs into the URL, write "
        "{secret} there.",
    )
    discover.add_argument(
        "url",
        metavar="URL",
        help="the server, a page of it, or the feed itself; without https:// or http:// both "
        "are tried, and a secret is sent over https alone",
    )
    discover.add_argument(
        "--user",
        metavar="NAME",
        help="a user of the server, for Jenkins, GoCD or TeamCity; the password or API token is "
        "asked for",
    )
    discover.add_argument(
        "--token-file",
        metavar="FILE",
        help="read the password or token from FILE (-: from standard input) instead of asking",
    )
    discover.set_defaults(call=_discover)


def _add_check(commands: Commands) -> None:
    check = commands.add_parser(
        "check",
        help="read every feed once and say what each lamp would show, and why",
        description="Read the configuration, read every feed once, open every light once, and "
        "say what each lamp would show, and why. Exit status 0 if all of it worked, 1 if a feed "
        "or a light did not, 78 for a mistake in the configuration.",
    )
    _add_config(check)
    check.add_argument(
        "--json", action="store_true", help="print the report as JSON and nothing else"
    )
    check.set_defaults(call=_check)


def _add_test(commands: Commands) -> None:
    test = commands.add_parser(
        "test",
        help="prove the wiring: walk every lamp through its channels and signals",
        description="Walk every lamp through each of its channels and signals, and ask after "
        "each step whether it looks right. Exit status 1 if a step failed.",
        epilog="Without a configuration: "
        "buildlight test --driver gpio --pins red=17,amber=27,green=22",
    )
    _add_config(test)
    test.add_argument("--lamp", metavar="NAME", help="test this lamp only")
    test.add_argument("--yes", action="store_true", help="walk without asking")
    test.add_argument(
        "--pause",
        metavar="SECONDS",
        type=_seconds,
        default=2.0,
        help="how long each step lasts with --yes (default: 2)",
    )
    bare = test.add_argument_group("a lamp without a configuration")
    bare.add_argument("--driver", metavar="NAME", help="its driver: console, gpio, serial, …")
    bare.add_argument(
        "--pins", metavar="CHANNEL=PIN,…", type=_pins, help="for gpio: red=17,amber=27,green=22"
    )
    bare.add_argument("--port", metavar="DEVICE", help="for serial: /dev/serial/by-id/…")
    bare.add_argument("--protocol", metavar="NAME", help="for serial: adafruit-tower")
    test.set_defaults(call=_test)


def _add_hours(commands: Commands) -> None:
    hours = commands.add_parser(
        "hours",
        help="say when each lamp's office opens and closes next",
        description="Say when each lamp's office opens and closes next, ten times, on the clock "
        "of its time zone.",
    )
    _add_config(hours)
    hours.set_defaults(call=_hours)


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="see a lamp at work: no hardware, no network, no configuration",
        description="An embedded CI server acts out a working day in about a minute, and the "
        "real daemon follows it with a lamp drawn on this terminal. Ctrl-C ends it.",
    )
    demo.add_argument(
        "--seconds",
        metavar="N",
        type=_seconds,
        help="play one day that is over after N seconds (below 15, it is cut short)",
    )
    demo.set_defaults(call=_demo)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="the configuration (default: /etc/buildlight/buildlight.toml, else "
        "~/.config/buildlight/buildlight.toml)",
    )
