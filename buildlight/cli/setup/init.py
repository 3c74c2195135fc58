"""`buildlight init`: the conversation, from the first question to a running lamp.

The first question is asked before anything heavy is imported: a Pi Zero takes seconds for it.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack, redirect_stdout
from pathlib import Path

from buildlight.cli import FAILED, OK, write_error
from buildlight.cli.setup.files import FOR_ALL, FOR_THE_OWNER, Files
from buildlight.cli.setup.questions import Asker, Conversation, MissingAnswer, Unattended
from buildlight.system import paths, posix_signals

TYPE_CHECKING = False  # As type checkers know it.
if TYPE_CHECKING:
    from typing import NoReturn, TextIO

    from buildlight.cli.setup.document import Answers
    from buildlight.system.secret import Secret

PAGE = "Show a page to the office, on port 8080 of this machine?"


def main(chosen: argparse.Namespace) -> int:
    """Ask, write, check and start; returns whether the lamp can shine."""
    posix_signals.interrupt_once()  # A light that is being tested has to go dark.
    out = sys.stdout
    with ExitStack() as stack:
        if chosen.print:  # Then standard output is for the configuration alone.
            stack.enter_context(redirect_stdout(sys.stderr))
        attended = not chosen.yes and sys.stdin is not None and sys.stdin.isatty()
        asker: Asker = Conversation(sys.stdout) if attended else Unattended()
        try:
            return _converse(asker, chosen, out)
        except MissingAnswer as exc:
            chosen.wrong(f"without a terminal, or with --yes, this is needed: {exc.flag}")
        except EOFError:
            asker.say()
            write_error("the answers ended; nothing was left behind")
        except KeyboardInterrupt:
            asker.say()
            write_error("interrupted; nothing was left behind")
            raise
    return FAILED


def _converse(asker: Asker, chosen: argparse.Namespace, out: "TextIO") -> int:
    file = chosen.config or paths.own_place()
    existing = None if chosen.print else _existing(file, chosen)
    if existing is not None:
        from buildlight.cli.setup.existing import show_existing  # noqa: PLC0415

        show_existing(asker, existing)
        return FAILED
    if not asker.attended:
        _demand(chosen)
    if not chosen.print:
        asker.say(f"This writes {file}. Ctrl-C leaves nothing behind.")
    answers, secret = _ask(asker, chosen)

    from buildlight.cli.setup.document import document  # noqa: PLC0415

    text = document(answers, after_a_change=_after_a_change(file))
    if chosen.print:
        out.write(text)
        if answers.secret_file is not None:
            asker.say(f"Put the secret, alone on one line, into {answers.secret_file}.")
        return OK
    with Files() as files:
        _write(asker, files, file, text)
        if answers.secret_file is not None and secret is not None:
            _store(asker, files, Path(answers.secret_file), secret)
        sound = _check(file)
        start = _is_to_start(asker, chosen, file, sound=sound)
    return _start(asker, file) if start else _leave(asker, file, sound=sound)


def _existing(file: Path, chosen: argparse.Namespace) -> Path | None:
    """Return the configuration that is in the way: it is there, or it is read first."""
    places = [paths.configuration_folders()[0] / paths.FILE, file]
    for place in places if chosen.config is None else [file]:
        if paths.configures(place):
            return place
    return None


def _demand(chosen: argparse.Namespace) -> None:
    """End with status 2 where answers are missing that only a person could give."""
    flags = {"--feed": chosen.feed, "--driver": chosen.driver}
    missing = [flag for flag, given in flags.items() if given is None]
    if missing:
        chosen.wrong(f"without a terminal, or with --yes, this is needed: {', '.join(missing)}")


def _ask(asker: Asker, chosen: argparse.Namespace) -> "tuple[Answers, Secret | None]":
    """Ask every question about the configuration."""
    if chosen.feed is None:
        from buildlight.cli.setup.questions import ADDRESS  # noqa: PLC0415

        chosen.feed = asker.text(ADDRESS, flag="--feed")  # Before what takes time to import.
    from buildlight.cli.setup.choose_light import choose_light  # noqa: PLC0415
    from buildlight.cli.setup.document import Answers  # noqa: PLC0415
    from buildlight.cli.setup.find_feed import choose_projects, find_feed  # noqa: PLC0415

    found = find_feed(asker, chosen)
    counting = choose_projects(asker, chosen, found)
    lamp = choose_light(asker, chosen)
    page = chosen.page
    if page is None:
        page = asker.agrees(PAGE, flag="--page", default=False)
    feed = {**found.keys, **counting}
    if found.secret is None:
        return Answers(feed, lamp, page=page), None
    secret_file = _secret_file(str(found.secret_name), found.secret)
    feed["auth"] = {**_table(feed["auth"]), "secret": secret_file.name}
    return Answers(feed, lamp, str(secret_file), page), found.secret


def _table(keys: object) -> Mapping[str, object]:
    return keys if isinstance(keys, Mapping) else {}


def _secret_file(name: str, secret: "Secret") -> Path:
    """Return a file for *secret* whose name no other secret has."""
    folders = [folder / "secrets" for folder in paths.configuration_folders()]
    folder = folders[0 if os.geteuid() == 0 else -1]
    number, free = 1, name
    while any(_is_taken(each / free, secret) for each in folders):
        number += 1
        free = f"{name}-{number}"
    return folder / free


def _is_taken(file: Path, secret: "Secret") -> bool:
    try:
        return file.read_text(encoding="utf-8").strip() != secret.value
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def _after_a_change(file: Path) -> str:
    if file == paths.configuration_folders()[0] / paths.FILE:
        return "sudo systemctl reload buildlight"
    return "restart `buildlight run`"


def _write(asker: Asker, files: Files, file: Path, text: str) -> None:
    if os.path.lexists(file):
        aside = files.set_aside(file)
        asker.say(f"{file} held nothing but comments; it is called {aside.name} now.")
    asker.say()
    asker.say(text.rstrip())
    asker.say()
    files.write(file, text, mode=FOR_ALL)
    asker.say(f"Wrote {file}.")
    for folder in paths.configuration_folders():
        other = folder / paths.FILE
        if other != file and paths.configures(other):
            asker.say(f"From now on {other} is passed over.")


def _store(asker: Asker, files: Files, file: Path, secret: "Secret") -> None:
    if not file.exists():  # Else it holds this secret already.
        files.write(file, f"{secret.value}\n", mode=FOR_THE_OWNER)
        asker.say(f"Wrote {file}, which only its owner can read.")


def _check(file: Path) -> bool:
    """Print what `buildlight check` says; return whether all of it is sound."""
    from buildlight.cli.check import check, show_finding  # noqa: PLC0415
    from buildlight.config.settings import load_settings  # noqa: PLC0415

    finding = check(load_settings(file))
    show_finding(finding)
    return finding.sound


def _is_to_start(asker: Asker, chosen: argparse.Namespace, file: Path, *, sound: bool) -> bool:
    if chosen.service is not None:
        return bool(chosen.service)
    hindrance = _no_service(file)
    if hindrance is None:
        question = "Start it now, and whenever this machine starts?"
        return asker.agrees(question, flag="--service", default=sound)
    asker.say(hindrance)
    if not asker.attended:
        return False  # It would not end.
    return asker.agrees("Start it in this terminal?", flag="--service", default=sound)


def _no_service(file: Path) -> str | None:
    """Return why the service cannot be started from here; ``None`` if it can."""
    from buildlight.errors import ServiceError  # noqa: PLC0415
    from buildlight.service.install import BOOTED, CONFIGURATION  # noqa: PLC0415
    from buildlight.service.unit_files import find_shipped  # noqa: PLC0415

    if os.geteuid() != 0:
        return "To start it with the machine, later: sudo buildlight service install"
    if file != CONFIGURATION:
        return f"The service reads {CONFIGURATION} only."
    if not BOOTED.exists():
        return "The service cannot be installed: systemd does not run here."
    try:
        shipped = find_shipped()
    except ServiceError as exc:
        return f"The service cannot be installed: {exc}."
    hidden = None if shipped.packaged else shipped.hidden()
    return hidden and f"The service cannot be installed: {hidden}."


def _start(asker: Asker, file: Path) -> int:
    if _no_service(file) is not None:
        _become_daemon(file)
    from buildlight.service.install import install  # noqa: PLC0415
    from buildlight.service.plan import Machine  # noqa: PLC0415
    from buildlight.service.unit_files import find_shipped  # noqa: PLC0415

    runs = install(find_shipped(), Machine(write_line=asker.say), dry_run=False)
    return OK if runs else FAILED


def _become_daemon(file: Path) -> "NoReturn":
    sys.stdout.flush()
    sys.stderr.flush()
    program = Path(sys.argv[0])
    itself = [str(program)] if program.name == "buildlight" else ["-m", "buildlight"]
    os.execv(sys.executable, [sys.executable, *itself, "run", *_config(file)])  # noqa: S606 - ourselves


def _leave(asker: Asker, file: Path, *, sound: bool) -> int:
    asker.say(f"Start it with: {' '.join(['buildlight', 'run', *_config(file)])}")
    return OK if sound else FAILED


def _config(file: Path) -> list[str]:
    """Return the arguments with which `buildlight run` reads *file*."""
    usual = any(file == folder / paths.FILE for folder in paths.configuration_folders())
    return [] if usual else ["--config", str(file)]
