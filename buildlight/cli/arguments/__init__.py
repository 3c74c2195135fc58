"""The command line: its commands, options and help texts.

Imports only argparse: anything more takes seconds on a Pi Zero.
"""

import argparse
from collections.abc import Mapping, Sequence

from buildlight import __version__
from buildlight.cli.arguments.editing import add_completion, add_schema
from buildlight.cli.arguments.options import BARE, add_config, add_light
from buildlight.cli.arguments.setup import add_doctor, add_init
from buildlight.cli.arguments.values import seconds

# The name that type checkers know; importing typing makes `--version` a tenth slower.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypeAlias

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed *arguments*; reports a mistake and raises SystemExit(2)."""
    whole, commands = _parsers()
    name = arguments[0] if arguments else "help"
    if name == "help":
        _help(whole, commands, arguments[1:])
    if not name.startswith("-") and name not in commands:
        whole.error(_unknown(name, commands))
    chosen = whole.parse_args(arguments)
    if chosen.command in ("init", "test") and chosen.driver is None:
        for key, driver in BARE.items():
            if getattr(chosen, key) is not None:
                chosen.wrong(f"--{key} is for a --driver, which is missing: --driver {driver}?")
    return chosen


def _help(
    whole: argparse.ArgumentParser,
    commands: "Mapping[str, argparse.ArgumentParser]",
    names: Sequence[str],
) -> "NoReturn":
    for name in names[:1]:
        if name not in commands:
            whole.error(_unknown(name, commands))
    (commands[names[0]] if names else whole).print_help()
    whole.exit()


def _unknown(name: str, commands: "Mapping[str, argparse.ArgumentParser]") -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    close = get_close_matches(name, commands, n=1)
    remedy = f"did you mean `{close[0]}`?" if close else f"commands are: {', '.join(commands)}"
    return f"unknown command {name!r}; {remedy}"


def parser() -> argparse.ArgumentParser:
    """Return the parser; the chosen command is the attribute ``command`` of what it parses."""
    return _parsers()[0]


def _parsers() -> "tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]":
    whole = argparse.ArgumentParser(
        prog="buildlight",
        description="A build lamp that never lies: polls the cc.xml feeds of CI servers and "
        "shows the state of your builds on a light.",
        epilog="New here? Start with `buildlight demo`, which needs no lamp and no server. "
        "`buildlight help COMMAND` shows the options of a command.",
    )
    version = f"buildlight {__version__}"
    whole.add_argument("-V", "--version", action="version", version=version)
    commands = whole.add_subparsers(required=True, metavar="COMMAND", title="commands")
    add_init(commands)
    _add_run(commands)
    _add_discover(commands)
    _add_check(commands)
    _add_explain(commands)
    _add_test(commands)
    _add_off(commands)
    _add_service(commands)
    _add_hours(commands)
    _add_devices(commands)
    add_doctor(commands)
    _add_demo(commands)
    add_schema(commands)
    add_completion(commands)
    return whole, commands.choices


def _add_run(commands: "Commands") -> None:
    run = commands.add_parser(
        "run",
        help="follow the feeds and light the lamps, until SIGTERM or Ctrl-C",
        description="Follow the feeds and light the lamps, until SIGTERM or Ctrl-C; then make "
        "every lamp dark.",
    )
    add_config(run)
    run.add_argument(
        "--once",
        action="store_true",
        help="poll every feed once, leave the result on the lamps, steady, and end; exit status "
        "as of check. The lamps are not watched afterwards: repeat it at least every few "
        "minutes, and see to `buildlight off` for when it is not",
    )
    run.set_defaults(command="run")


def _add_discover(commands: "Commands") -> None:
    discover = commands.add_parser(
        "discover",
        help="find the feed of a CI server, and print its table for the configuration",
        description="Look for the cc.xml feed of a CI server: at the URL itself and, unless it "
        "ends in .xml or .aspx, at the places where CI servers keep one. Prints a "
        "[[feeds]] table for the configuration, with warnings about the feed as comments. "
        "Exit status 0 if a feed with projects was found, 1 if none was, 78 if the URL is "
        "not an address.",
        epilog="Examples: buildlight discover ci.example; "
        "buildlight discover https://jenkins.example/view/all --user lamp; "
        "buildlight discover https://circleci.com/gh/acme/web --token-file token.txt. "
        "buildlight asks for a secret or reads it from a file. It takes none from the command "
        "line, which every user of this machine can see. For a secret inside the URL, write "
        "{secret} there.",
    )
    discover.add_argument(
        "url",
        metavar="URL",
        help="the server, one of its pages, or the feed itself; without https:// or http:// both "
        "are tried, and a secret is sent over https only; with mqtt:// or mqtts:// a broker, at "
        "which another buildlight publishes its feeds",
    )
    discover.add_argument(
        "--user",
        metavar="NAME",
        help="user name on the server, for Jenkins, GoCD or TeamCity; asks for the password "
        "or API token",
    )
    discover.add_argument(
        "--token-file",
        metavar="FILE",
        help="read the password or token from FILE (-: from standard input) instead of asking",
    )
    discover.set_defaults(command="discover")


def _add_check(commands: "Commands") -> None:
    check = commands.add_parser(
        "check",
        help="read every feed once and print what each lamp would show, and why",
        description="Read the configuration, read every feed once, open every light once, connect "
        "to the broker of [mqtt], and print what each lamp would show, and why. Exit status 0 if "
        "all of it worked; 1 if a feed, a light or the broker failed, or a pattern "
        "matches no project; 78 if the configuration has problems.",
    )
    add_config(check)
    check.add_argument(
        "--json", action="store_true", help="print the report as JSON and nothing else"
    )
    check.add_argument(
        "--all", action="store_true", help="list every project, not only broken ones"
    )
    check.set_defaults(command="check")


def _add_explain(commands: "Commands") -> None:
    explain = commands.add_parser(
        "explain",
        help="print why each lamp looks as it does, since when, and what would change it",
        description="Print why each lamp looks as it does: since when, from which feed, by which "
        "rule, and what would change it. The answer comes from the running daemon; no server is "
        "polled. Exit status 1 if no daemon runs here, or if it has stopped writing.",
    )
    explain.add_argument(
        "--json", action="store_true", help="print the report as JSON and nothing else"
    )
    explain.set_defaults(command="explain")


def _add_off(commands: "Commands") -> None:
    off = commands.add_parser(
        "off",
        help="make every lamp dark",
        description="Make every lamp of the configuration dark, for instance after a crash. A "
        "running daemon holds its lights or lights them again: stop it instead. Exit status 1 "
        "if a light could not be reached.",
    )
    add_config(off)
    off.set_defaults(command="off")


def _add_test(commands: "Commands") -> None:
    test = commands.add_parser(
        "test",
        help="prove the wiring: walk every lamp through its channels and signals",
        description="Walk every lamp through each of its channels and signals, and ask after "
        "each step whether it looks right. Exit status 1 if a step failed.",
        epilog="Without a configuration: "
        "buildlight test --driver gpio --pins red=17,amber=27,green=22",
    )
    add_config(test)
    test.add_argument("--lamp", metavar="NAME", help="test this lamp only")
    test.add_argument("--yes", action="store_true", help="walk without asking")
    test.add_argument(
        "--pause",
        metavar="SECONDS",
        type=seconds,
        default=2.0,
        help="how long each step lasts with --yes (default: 2)",
    )
    add_light(test, "a lamp without a configuration")
    test.set_defaults(command="test", wrong=test.error)


def _add_service(commands: "Commands") -> None:
    service = commands.add_parser(
        "service",
        help="install, remove or show the systemd service that starts at boot",
        description="Install or remove the systemd service, or show its state. Exit status "
        "1 if that failed or, for status, if the service does not run.",
    )
    service.add_argument("action", choices=("install", "uninstall", "status"))
    service.add_argument("--dry-run", action="store_true", help="only print what would be done")
    service.add_argument(
        "--take-over",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="for install: copy your own configuration and its secrets to /etc/buildlight, if "
        "there is none (default: ask)",
    )
    service.set_defaults(command="service")


def _add_hours(commands: "Commands") -> None:
    hours = commands.add_parser(
        "hours",
        help="print when each lamp's office opens and closes next",
        description="Print the next ten times at which each lamp's office opens or closes, on the "
        "clock of its time zone.",
    )
    add_config(hours)
    hours.set_defaults(command="hours")


def _add_devices(commands: "Commands") -> None:
    devices = commands.add_parser(
        "devices",
        help="list the drivers, GPIO chips, serial ports and LEDs of this machine",
        description="List the installed drivers (and why one does not import), the GPIO chips, the "
        "serial ports with the lights recognised on them, and the LEDs of the kernel. Nothing is "
        "switched, and no port is opened.",
        epilog="Next: copy the port = line of your light, or the names of your LEDs, into a "
        "[[lamps]] table, and try it with `buildlight test`.",
    )
    devices.add_argument("--json", action="store_true", help="print it as JSON and nothing else")
    devices.set_defaults(command="devices")


def _add_demo(commands: "Commands") -> None:
    demo = commands.add_parser(
        "demo",
        help="watch a lamp at work: no hardware, no network, no configuration",
        description="Two built-in CI servers play a working day in about a minute, and the real "
        "daemon follows them with a lamp drawn on this terminal. Ctrl-C ends it.",
    )
    demo.add_argument(
        "--seconds",
        metavar="N",
        type=seconds,
        help="play one day that is over after N seconds (below 15, it is cut short)",
    )
    demo.add_argument(
        "--mqtt",
        metavar="ADDRESS",
        help="also publish the day at this broker, as buildlight/demo: mqtt://localhost",
    )
    demo.set_defaults(command="demo")
