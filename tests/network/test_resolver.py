"""Looking up names: a name server that hangs holds up nobody but who asked for that name."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from buildlight.network.resolver import ResolverLoop
from support.servers import until

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


class Names:
    """A name server: names that start with ``slow`` wait until it is freed."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.free = threading.Event()

    def __call__(self, host: str, *_rest: object) -> object:
        """Answer, wait or fail, as the name of *host* says."""
        self.asked.append(host)
        if host.startswith("slow"):
            assert self.free.wait(timeout=30)
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host.startswith("impossible"):
            raise OverflowError("Python int too large to convert to C long")
        return FOUND


@pytest.fixture
def names() -> Iterator[Names]:
    """A name server, whose look-ups have all ended when the test has."""
    server = Names()
    yield server
    server.free.set()
    for thread in lookups():
        thread.join(timeout=10)
    assert lookups() == []


def lookups() -> list[threading.Thread]:
    """Return the threads that look a name up."""
    return [each for each in threading.enumerate() if each.name.startswith("lookup ")]


def runner(resolve: Callable[..., Any]) -> asyncio.Runner:
    """Return what runs coroutines on a loop that looks names up with *resolve*."""
    return asyncio.Runner(loop_factory=lambda: ResolverLoop(resolve))


async def ask(host: str, port: int = 80) -> Any:
    """Look *host* up as whoever connects does."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


def test_a_name_is_looked_up_with_the_whole_question(names: Names) -> None:
    """What asyncio asks for reaches the resolver in its order, and the answer comes back."""
    questions: list[tuple[object, ...]] = []

    def resolve(*question: object) -> object:
        questions.append(question)
        return FOUND

    with runner(resolve) as running:
        found = running.run(ask("ci.example"))

    assert found == FOUND
    assert questions == [("ci.example", 80, 0, socket.SOCK_STREAM, 0, 0)]


def test_localhost_is_found_with_the_systems_resolver() -> None:
    """Without a resolver of its own the loop asks the system."""
    with asyncio.Runner(loop_factory=ResolverLoop) as running:
        found = running.run(ask("localhost"))

    assert "127.0.0.1" in [address[0] for *_, address in found]


def test_twenty_hanging_names_do_not_delay_another(names: Names) -> None:
    """Twenty feeds whose names hang leave a healthy feed as quick as ever."""

    async def crowd() -> tuple[object, int]:
        hanging = [asyncio.create_task(ask(f"slow-{number}")) for number in range(20)]
        await until(lambda: len(names.asked) == 20)
        found = await asyncio.wait_for(ask("quick"), timeout=10)
        return found, sum(not task.done() for task in hanging)

    with runner(names) as running:
        found, still_hanging = running.run(crowd())

    assert found == FOUND
    assert still_hanging == 20


def test_hanging_names_do_not_delay_the_exit(names: Names) -> None:
    """The daemon stops at once, whatever the name server does."""

    async def give_up() -> None:
        for number in range(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(f"slow-{number}"), timeout=0.01)

    start = time.monotonic()
    with runner(names) as running:
        running.run(give_up())
    seconds = time.monotonic() - start

    assert len(lookups()) == 20
    assert all(thread.daemon for thread in lookups())
    assert seconds < 20  # The look-ups would have taken 30.


def test_a_name_asked_for_twice_is_looked_up_once(names: Names) -> None:
    """Polls of a name that hangs do not pile up."""

    async def twice() -> list[Any]:
        asking = [asyncio.create_task(ask("slow")) for _ in range(2)]
        await until(lambda: names.asked)
        names.free.set()
        return await asyncio.gather(*asking)

    with runner(names) as running:
        found = running.run(twice())

    assert found == [FOUND, FOUND]
    assert names.asked == ["slow"]


def test_giving_up_leaves_the_look_up_to_the_others(names: Names) -> None:
    """One poll that runs into its deadline does not fail another for the same name."""

    async def one_gives_up() -> object:
        patient = asyncio.create_task(ask("slow"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask("slow"), timeout=0.05)
        names.free.set()
        return await patient

    with runner(names) as running:
        found = running.run(one_gives_up())

    assert found == FOUND
    assert names.asked == ["slow"]


def test_an_answered_name_is_looked_up_anew(names: Names) -> None:
    """A server that moves is found at its new address: no answer is kept."""

    async def one_after_the_other() -> None:
        await ask("ci.example")
        await ask("ci.example")

    with runner(names) as running:
        running.run(one_after_the_other())

    assert names.asked == ["ci.example", "ci.example"]


def test_ports_are_questions_of_their_own(names: Names) -> None:
    """The answer for one port of a host is not given for another."""

    async def two_ports() -> None:
        await asyncio.gather(ask("ci.example", 80), ask("ci.example", 443))

    with runner(names) as running:
        running.run(two_ports())

    assert names.asked == ["ci.example", "ci.example"]


def test_errors_are_passed_on(names: Names) -> None:
    """A name that nobody knows fails with the resolver's own error, each time it is asked."""

    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(socket.gaierror, match="not known"):
                await ask("unknown")

    with runner(names) as running:
        running.run(twice())

    assert names.asked == ["unknown", "unknown"]


def test_what_no_resolver_takes_fails_at_once(names: Names) -> None:
    """A port that no resolver takes ends in an error, not in a question open for ever."""
    with runner(names) as running, pytest.raises(OverflowError):
        running.run(asyncio.wait_for(ask("impossible", 10**30), timeout=10))


def test_a_name_too_long_for_idna_is_an_error() -> None:
    """A slip of the keyboard in a host name ends in an error that can be told."""
    with asyncio.Runner(loop_factory=ResolverLoop) as running, pytest.raises(UnicodeError):
        running.run(ask(f"{'x' * 64}.example"))


@pytest.mark.parametrize("host", ["slow", "slow-unknown"])
def test_a_late_answer_is_harmless(host: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A name server that answers after the daemon has stopped leaves no trace on the screen."""
    free = threading.Event()

    def resolve(*_question: object) -> object:
        assert free.wait(timeout=30)
        if host == "slow":
            return FOUND
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(host), timeout=0.05)

    with runner(resolve) as running:
        running.run(give_up())
    free.set()
    for thread in lookups():
        thread.join(timeout=10)

    assert lookups() == []
    assert capfd.readouterr() == ("", "")


def test_an_error_after_giving_up_is_no_complaint(
    names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    """A look-up that fails after its poll has ended is not told a second time in the log."""

    async def give_up_and_go_on() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask("slow", 81), timeout=0.05)
        with pytest.raises(socket.gaierror):
            await ask("unknown")
        names.free.set()
        await until(lambda: not lookups())
        await asyncio.sleep(0)

    with runner(names) as running:
        running.run(give_up_and_go_on())

    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def test_a_machine_without_a_thread_to_spare_fails_one_question(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll that gets no thread fails like any other, and the next one is not stuck behind it."""

    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def twice() -> object:
        with monkeypatch.context() as crowded:
            crowded.setattr(threading.Thread, "start", no_thread)
            with pytest.raises(OSError, match="no thread"):
                await ask("ci.example")
        return await asyncio.wait_for(ask("ci.example"), timeout=10)

    with runner(names) as running:
        assert running.run(twice()) == FOUND
