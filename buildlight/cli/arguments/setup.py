"""The commands with which a lamp is set up, and with which trouble is reported."""

import argparse

from buildlight.cli.arguments.options import add_light
from buildlight.cli.arguments.values import path

TYPE_CHECKING = False  # As type checkers know it; typing itself costs `--version` a tenth.
if TYPE_CHECKING:
    from buildlight.cli.arguments import Commands


def add_init(commands: "Commands") -> None:
    """Add `init`, whose every question has a flag."""
    init = commands.add_parser(
        "init",
        help="ask a few questions, write the configuration, and start",
        description="Ask for your CI server, the projects that count and the light; test the "
        "light; then write the configuration, check it and offer to start. Each question has an "
        "option, and options that are given are not asked for. A configuration that exists is "
        "never changed: it is shown, with what could be added. Ctrl-C at any question leaves "
        "nothing behind. Exit status 0 if the configuration was written and its check succeeded; "
        "1 if there is one already, if no feed was found, or if the check failed; 2 if an answer "
        "is missing without a terminal or with --yes.",
        epilog="In a script: buildlight init --yes --feed https://ci.example/cc.xml "
        "--token-file token.txt --user lamp --driver gpio --pins red=17,amber=27,green=22. "
        "Secrets are asked for or read from a file, never taken from the command line, which "
        "every user of this machine can see.",
    )
    init.add_argument(
        "--config",
        metavar="FILE",
        type=path,
        help="write to FILE (default: /etc/buildlight/buildlight.toml for root, else "
        "~/.config/buildlight/buildlight.toml)",
    )
    init.add_argument(
        "--print",
        action="store_true",
        help="print the configuration on standard output and write nothing",
    )
    init.add_argument(
        "--yes",
        action="store_true",
        help="ask nothing: use defaults, and fail if an answer without a default is missing",
    )
    _add_feed(init)
    add_light(init, "the light")
    init.add_argument(
        "--test",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="light each colour once and ask whether it is seen (default: yes)",
    )
    _add_rest(init)
    init.set_defaults(command="init", wrong=init.error)


def add_doctor(commands: "Commands") -> None:
    """Add `doctor`."""
    doctor = commands.add_parser(
        "doctor",
        help="print everything that a bug report needs, without secrets",
        description="Print versions, system, user and groups, devices and their permissions, "
        "drivers, the service, what the lamps show, the configuration and the last 50 lines of the "
        "service's log. Secrets are masked; addresses and names of projects are not. Nothing is "
        "changed, and no server is asked. As root it sees more.",
    )
    doctor.set_defaults(command="doctor")


def _add_feed(init: argparse.ArgumentParser) -> None:
    feed = init.add_argument_group("the feed")
    feed.add_argument(
        "--feed",
        metavar="URL",
        help="your CI server, a page of it, its feed, or a repository on GitHub or GitLab",
    )
    feed.add_argument(
        "--kind",
        metavar="NAME",
        help="kind of the feed, for a GitHub or GitLab of your own: github, gitlab",
    )
    feed.add_argument("--user", metavar="NAME", help="a user of the server, if it has users")
    feed.add_argument(
        "--token-file",
        metavar="FILE",
        help="read the password or token from FILE (-: from standard input)",
    )
    feed.add_argument(
        "--include",
        metavar="PATTERN",
        action="append",
        help="count only projects with this name, or matching this pattern (shop-*); may be "
        "repeated",
    )
    feed.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        help="do not count projects that match this; may be repeated",
    )


def _add_rest(init: argparse.ArgumentParser) -> None:
    init.add_argument(
        "--page",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="show a page on port 8080 to every network of this machine (default: no)",
    )
    init.add_argument(
        "--service",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="start it: as the service, which also starts with the machine, if root writes "
        "/etc/buildlight/buildlight.toml; else in this terminal (default: as the service, where "
        "there can be one)",
    )
