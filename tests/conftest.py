"""What holds for every test: the log, the signals and the folders that it gets."""

import logging
import os
import signal
from collections.abc import Iterator
from time import tzset

import pytest
from hypothesis import settings

from buildlight.system.posix_signals import ENDING
from support.figures import FOLDER
from support.running import run, tower  # noqa: F401 - they are fixtures

# nohup and a shell's & leave signals ignored, and the programs that tests start would be deaf, too.
for each in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(each, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# No daemon of a test may write where one of this machine does.
os.environ.pop("RUNTIME_DIRECTORY", None)
os.environ["XDG_RUNTIME_DIR"] = ""  # Set but empty: none.
# How far test_whole_daemon walks: "proof" is what CI asks for, and the same every time.
settings.register_profile(
    "proof", max_examples=420, stateful_step_count=50, deadline=None, derandomize=True
)
settings.register_profile("long", max_examples=20_000, stateful_step_count=50, deadline=None)

# Without deadlines: a busy machine is not a fault of the code.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the slow tests be asked for."""
    parser.addoption("--slow", action="store_true", help="run the slow tests, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow, unless it is asked for: with --slow, -m, -k or by its full name.

    Of the table of faults, which takes minutes, each twelfth cell is not slow; a light that
    answers nonsense is heard out for many seconds.
    """
    cells = [each for each in items if each.path.parent.name == "faults"]
    quick = {each for each in cells[::12] if "nonsense" not in each.name}
    for each in {*cells} - quick:
        each.add_marker(pytest.mark.slow)
    option = config.option
    by_name = any("::" in each for each in config.args)
    if option.slow or option.markexpr or option.keyword or by_name or os.environ.get(FOLDER):
        return
    left_out = [each for each in items if each.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [each for each in items if not each.get_closest_marker("slow")]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Give the next test the log and the signals that this one got."""
    log = logging.getLogger("buildlight")
    before = (log.level, [*log.handlers], log.propagate)
    handlers = {number: signal.getsignal(number) for number in ENDING}
    yield
    level, log.handlers, log.propagate = before
    log.setLevel(level)  # It also forgets what is cached of the levels below.
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the machine stand where clocks are not UTC's."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        tzset()
        yield
    tzset()
