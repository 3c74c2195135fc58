"""The command line: arguments to calls, errors to one line and an exit status.

Nothing is imported before it is known what is wanted: a Pi Zero takes seconds for it.
"""

import argparse
import errno
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from buildlight.cli.arguments import BARE, parsed
from buildlight.errors import BuildlightError, ConfigError

TYPE_CHECKING = False  # As type checkers know it; typing itself costs `--version` a tenth.
if TYPE_CHECKING:
    from typing import TextIO

    from buildlight.lamps.settings import LampSettings

OK, FAILED, MISCONFIGURED = 0, 1, 78
"""Exit statuses; 78 is EX_CONFIG of sysexits.h, after which systemd need not try again."""
INTERRUPTED = 130

DAEMONS = ("run", "demo")
"""The commands that a signal ends with status 0, at any time."""
FLUSHING = 0.3
"""Seconds to wait at a daemon's end for the rest of its log to be written."""
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What is wrong with an output that cannot be written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what *arguments* say and return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] and arguments[0] in DAEMONS:
        _heed_signals(arguments[0])  # First of all: the imports that follow take their time.
    try:
        _ready_streams()
        chosen = _parsed(arguments)
        _log_to_stderr()
        status = CALLS[chosen.command](chosen)
        sys.stdout.flush()
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
        _forsake(sys.stdout)  # Whoever read the output has gone, a pager for instance.
        return FAILED
    except OSError as exc:
        if exc.errno not in UNWRITABLE:
            raise
        _forsake(sys.stdout)
        _complain(f"the output cannot be written: {exc.strerror}")
        return FAILED
    return status


def _heed_signals(command: str) -> None:
    from buildlight.system import posix_signals

    posix_signals.end_at_once()
    if command == "run":
        posix_signals.reload_later()


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    try:
        return parsed(arguments)
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
    from logging import ERROR

    from buildlight.system.logging_setup import journald_reads, prioritised

    line = f"buildlight: {sentence}"
    if journald_reads(sys.stderr):
        line = prioritised(line, level=ERROR)
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        _forsake(sys.stderr)  # The exit status has to tell it.


def _forsake(stream: "TextIO") -> None:
    """Send what *stream* still holds nowhere: at exit, Python would fail to write it again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _log_to_stderr() -> None:
    import logging

    from buildlight.system.logging_setup import StderrHandler, formatter

    handler = StderrHandler()
    handler.setFormatter(formatter())
    root = logging.getLogger("buildlight")
    root.handlers = [handler]
    root.setLevel(logging.INFO)


def _run_aside(daemon: Callable[[], None]) -> int:
    """Run *daemon* while its log is written by a thread: nobody who reads it can hold it up."""
    import logging

    from buildlight.system import posix_signals
    from buildlight.system.logging_setup import LogThread

    root = logging.getLogger("buildlight")
    log = LogThread(root, root.handlers[0])
    log.start()
    status = FAILED
    try:
        daemon()
        status = OK
    finally:
        posix_signals.end_at_once()  # The loop took its handlers away, and every lamp is dark.
        if not log.close(FLUSHING):
            os._exit(status)
    try:
        sys.stdout.flush()
    except OSError:
        _forsake(sys.stdout)  # The lamp was drawn there, and has told it.
    return status


def _run(chosen: argparse.Namespace) -> int:
    import faulthandler
    import gc
    from contextlib import suppress

    # What is imported stays: there is no use in looking for garbage in it, now or ever.
    gc.disable()
    from buildlight.config import settings
    from buildlight.daemon import daemon
    from buildlight.system import paths

    gc.freeze()
    gc.enable()

    # The watchdog of systemd sends SIGABRT: the log then says what hung. (A stream may be none.)
    with suppress(OSError, ValueError):
        faulthandler.enable()

    # Absolute: somebody's driver may change the working directory before a reload.
    file = paths.find_file(chosen.config).absolute()
    return _run_aside(partial(daemon.run, partial(settings.load_settings, file)))


def _check(chosen: argparse.Namespace) -> int:
    import json

    from buildlight.cli import check, terminal
    from buildlight.config import settings
    from buildlight.report.as_json import to_json
    from buildlight.system import paths

    configured = settings.load_settings(paths.find_file(chosen.config))
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
    from buildlight.cli import check, terminal, wiring
    from buildlight.errors import LightUnavailable
    from buildlight.system import posix_signals

    posix_signals.interrupt_once()  # Or it would end at once, and leave the light as it is.
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


def _off(chosen: argparse.Namespace) -> int:
    from buildlight.cli import off
    from buildlight.config import settings
    from buildlight.lamps import group, lit_lamps
    from buildlight.system import paths

    folder = paths.given_run_folder()
    # First what the daemon had lit, as the configuration may be another by now, or a mistake.
    left = off.left_lamps(lit_lamps.left_lit(folder)) if folder else ()
    troubled = _tell_troubles(off.darken(left))
    configured = settings.load_lamps(paths.find_file(chosen.config))
    troubled |= _tell_troubles(off.darken(group.others(configured, left)))
    return FAILED if troubled else OK


def _tell_troubles(troubles: Sequence[tuple[str, str]]) -> bool:
    for name, trouble in troubles:
        _complain(f"{name}: {trouble}")
    return bool(troubles)


def _service(chosen: argparse.Namespace) -> int:
    from buildlight.service import install, plan, unit_files

    files, machine = unit_files.find_shipped(), plan.Machine(say=_tell)
    return OK if install.ACTIONS[chosen.action](files, machine, dry_run=chosen.dry_run) else FAILED


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # Some steps take their time.


def _explain(chosen: argparse.Namespace) -> int:
    import json
    from datetime import UTC, datetime

    from buildlight.cli import explain
    from buildlight.system import paths
    from buildlight.system.running_daemon import find_holder

    clock = datetime.now(tz=UTC).astimezone()
    told = explain.read_status(paths.run_folders(), clock=clock, find_holder=find_holder)
    lines = explain.lines(told, clock=clock)
    if told.doubt is not None:
        _complain(told.doubt)
    if chosen.json:
        lines = (json.dumps(told.document, indent=2),)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return OK if told.doubt is None else FAILED


def _lamps_to_test(chosen: argparse.Namespace) -> "tuple[LampSettings, ...]":
    from buildlight.config import settings
    from buildlight.system import paths

    if chosen.driver is not None:
        keys = {key: getattr(chosen, key) for key in BARE}
        given = {key: value for key, value in keys.items() if value is not None}
        return (settings.lamp_from_keys(chosen.driver, given),)
    lamps = settings.load_settings(paths.find_file(chosen.config)).lamps
    if chosen.lamp is None:
        return lamps
    named = tuple(lamp for lamp in lamps if lamp.name == chosen.lamp)
    if not named:
        there = ", ".join(lamp.name for lamp in lamps)
        raise ConfigError(f"--lamp: no lamp has this name; there are: {there}")
    return named


def _discover(chosen: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from buildlight.cli import discover as advice
    from buildlight.feeds.discovery.discover import discover

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


def _devices(chosen: argparse.Namespace) -> int:
    import json

    from buildlight.cli import devices
    from buildlight.drivers import inventory

    found = inventory.look()
    told = json.dumps(inventory.to_json(found), indent=2) if chosen.json else devices.told(found)
    sys.stdout.write(f"{told}\n")
    return OK


def _demo(chosen: argparse.Namespace) -> int:
    import logging

    from buildlight.cli import demo

    logging.getLogger("buildlight").setLevel(logging.ERROR)  # the captions tell the story
    return _run_aside(partial(demo.run_demo, chosen.seconds))


def _hours(chosen: argparse.Namespace) -> int:
    from itertools import islice

    from buildlight.cli import terminal
    from buildlight.config import settings
    from buildlight.daemon import daemon
    from buildlight.hours import switches
    from buildlight.system import paths

    for lamp in settings.load_settings(paths.find_file(chosen.config)).lamps:
        if lamp.hours is None:
            terminal.say(f"{lamp.name}: always open")
            continue
        terminal.say(f"{lamp.name}:")
        for moment, opening in islice(switches(lamp.hours, daemon.time_of_day()), SWITCHES):
            terminal.say(f"  {moment:%a %Y-%m-%d %H:%M %Z}  {'opens' if opening else 'closes'}")
    return OK


SWITCHES = 10
"""How many switches of its office hours are told for a lamp."""


CALLS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "discover": _discover,
    "check": _check,
    "explain": _explain,
    "test": _test,
    "off": _off,
    "service": _service,
    "hours": _hours,
    "devices": _devices,
    "demo": _demo,
}
