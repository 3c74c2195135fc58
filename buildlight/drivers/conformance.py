"""Checks whether a driver keeps the contract; its author calls this from a test.

::

    from buildlight.drivers.conformance import check_driver

    def test_my_light_keeps_the_contract():
        check_driver(MyLight, {"port": "/dev/null"})

Each fault is an AssertionError with a sentence. The light is opened several times and shown
everything that the daemon could show, from a thread that is not the main one, as in the daemon.
There is no pause between frames: a real light flickers fast, so do not look at it.
"""

import gc
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from buildlight.drivers import Confirming, Driver, DriverOptions, Known, PatternDriver, Wired
from buildlight.errors import LightUnavailable
from buildlight.patterns.fitting import fit
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, Channel, Frame, Pattern, Stroke, frame_at, next_change
from buildlight.patterns.presets import PRESETS, preset_patterns
from buildlight.patterns.together import lit_sets

PATIENCE = 5.0
"""Seconds within which a call has to return, and threads have to end after close."""
WATCHED = 6.0
"""Seconds of each pattern that are shown as frames."""
ROUNDS = 3
"""Number of times that the light is opened while threads and files are counted."""

Got = TypeVar("Got")


def check_driver(
    light: type[Driver],
    options: Mapping[str, object] | None = None,
    *,
    missing: Mapping[str, object] | None = None,
    unplug: Callable[[], object] | None = None,
    deafen: Callable[[], object] | None = None,
    patterns: Iterable[str] = (),
    patience: float = PATIENCE,
) -> None:
    """Check that the driver class *light* keeps the contract of :class:`drivers.Driver`.

    *options* are the keys of its ``[[lamps]]`` table, for a light that is there; *missing* the
    same for one that is not. *deafen* makes the light accept everything and show nothing from
    then on: a driver that says ``confirmed`` has to notice. *unplug* takes the light away for
    good. *patterns* are shown besides the default ones. *patience* is how many seconds a call
    may take.

    Two things are not checked: the colours, which only a person can see, and a frame after close,
    which the daemon never sends.
    """
    checked = _checked_options(light, options or {})
    _check_refresh(light)
    looks = tuple(_looks(checked, patterns))
    with _Caller(light, patience) as caller:
        # In the first round a library may start threads or open files that it keeps for ever.
        _check_round(caller, checked, looks)
        before = _Belongings.now()
        for _ in range(ROUNDS):
            _check_round(caller, checked, looks[:1])
        _check_left(light, before, patience)
        if missing is not None:
            _check_missing(caller, light, missing)
        if deafen is not None:
            _check_gone(caller, checked, deafen, patience, _DEAF)
        if unplug is not None:
            _check_gone(caller, checked, unplug, patience, _UNPLUGGED)


def _checked_options(light: type[Driver], keys: Mapping[str, object]) -> DriverOptions:
    name = light.__name__
    model = getattr(light, "Options", None)
    if not isinstance(model, type) or not issubclass(model, DriverOptions):
        raise AssertionError(  # noqa: TRY004 - what a failed test raises
            f"{name}.Options does not derive from DriverOptions"
        )
    try:
        options = model.model_validate(keys)
    except ValidationError as exc:
        raise AssertionError(f"{name}.Options refuses the options of this check: {exc}") from exc
    with suppress(ValidationError):
        model.model_validate({**keys, "no-such-key": "s3cret"})
        raise AssertionError(f'{name}.Options takes an unknown key; keep extra="forbid"')
    if not options.channels or not all(isinstance(each, Channel) for each in options.channels):
        raise AssertionError(f"{name}.Options.channels is not a set of channels, or it is empty")
    if not all(isinstance(claim, str) for claim in options.claims):
        raise AssertionError(f"{name}.Options.claims is not a set of strings")
    return options


def _check_refresh(light: type[Driver]) -> None:
    refresh: Any = getattr(light, "refresh", "missing")
    number = isinstance(refresh, (int, float)) and not isinstance(refresh, bool)
    if refresh is not None and not (number and 0 < refresh < float("inf")):
        raise AssertionError(f"{light.__name__}.refresh is neither None nor seconds above 0")


def _looks(options: DriverOptions, texts: Iterable[str]) -> Iterator[Pattern]:
    """Yield everything that the daemon may show: all channels at once, signals, test steps."""
    channels = [each for each in Channel if each in options.channels]
    if options.combines(frozenset(channels)):
        yield Pattern("everything", tuple(Stroke(each) for each in channels))
    for each in channels:
        if not options.combines(frozenset({each})):
            continue
        yield Pattern(each.value, (Stroke(each),))
        yield Pattern(f"{each.value} 1%", (Stroke(each, 0.01),))
    for name in PRESETS:
        yield from _fitted(preset_patterns(name, options.channels).values(), options)
    yield from _fitted(map(parse_pattern, texts), options)


def _fitted(patterns: Iterable[Pattern], options: DriverOptions) -> Iterator[Pattern]:
    for each in patterns:
        fitted = fit(each, options.channels, dims=options.dims, pace=options.pace)
        if all(map(options.combines, lit_sets(fitted))):  # Else the configuration is refused.
            yield fitted


def _frames(patterns: Iterable[Pattern]) -> tuple[Frame, ...]:
    """Return each frame of *patterns* once, and the dark frame."""
    frames: dict[Frame, None] = {}
    for pattern in patterns:
        elapsed: float = 0.0
        while elapsed < WATCHED:
            frames[frame_at(pattern, elapsed)] = None
            wait = next_change(pattern, elapsed)
            if wait is None:
                break
            elapsed += max(wait, 0.001)
    return (*frames, DARK)


class _HangsError(AssertionError):
    pass


class _Caller:
    """Calls a light on a separate thread, one call at a time, as the daemon does."""

    def __init__(self, light: type[Driver], patience: float) -> None:
        self._light = light
        self._patience = patience
        self._wanted: Callable[[], object] | None = None
        self._asked = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._got: object = None
        self._raised: BaseException | None = None
        self._hangs = False
        self._thread = threading.Thread(target=self._run, name="conformance", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted = None
        self._asked.release()
        self._thread.join(0.1)

    def _run(self) -> None:
        while True:
            self._asked.acquire()
            if self._wanted is None:
                return
            self._got = self._raised = None
            try:
                self._got = self._wanted()
            except BaseException as exc:  # noqa: BLE001 - handed on to the caller
                self._raised = exc
            self._done.release()

    def call(self, what: str, function: Callable[[], Got]) -> Got:
        """Return the result of *function*; raises what it raises, or AssertionError if it hangs."""
        self._wanted = function
        self._asked.release()
        if not self._done.acquire(timeout=self._patience):
            self._hangs = True
            raise _HangsError(
                f"{self._light.__name__}: {what} did not come back within {self._patience:g} s"
            )
        self._wanted = None
        if self._raised is not None:
            raise self._raised
        return self._got  # type: ignore[return-value]  # of this very function

    def must(self, what: str, function: Callable[[], Got]) -> Got:
        """Return the result of *function*, which must not raise."""
        name = self._light.__name__
        try:
            return self.call(what, function)
        except _HangsError:
            raise
        except LightUnavailable as exc:
            raise AssertionError(f"{name}: {what} says that there is no light: {exc}") from exc
        except BaseException as exc:  # sys.exit() in a driver would end the daemon, too
            raise AssertionError(f"{name}: {what} raised {type(exc).__name__}: {exc}") from exc

    def open(self, options: DriverOptions) -> Driver:
        """Open a light that is present."""
        factory: Callable[[DriverOptions], Driver] = self._light
        return self.must("opening", lambda: factory(options))

    def close(self, driver: Driver) -> None:
        """Close the light twice; after a hang, do not call it again."""
        if self._hangs:
            return
        self.must("close", driver.close)
        self.must("close for the second time", driver.close)


def _check_round(caller: _Caller, options: DriverOptions, looks: tuple[Pattern, ...]) -> None:
    """Open the light, show it *looks* and close it; then open and close it without a frame."""
    caller.close(caller.open(options))
    driver = caller.open(options)
    try:
        name = type(driver).__name__
        if driver.refresh != type(driver).refresh:
            raise AssertionError(f"{name}.refresh is not the same for every light")
        _check_wiring(driver, options)
        for pattern in looks:
            _check_play(caller, driver, pattern)
        for frame in _frames(looks):
            caller.must(f"show of {frame}", _showing(driver, frame))
            caller.must(f"show of {frame} again", _showing(driver, frame))
            _known(driver)
    finally:
        caller.close(driver)


def _known(driver: Driver) -> Known:
    """Return what *driver* knows of its light; one that does not say so was only told."""
    known: Any = driver.known if isinstance(driver, Confirming) else Known.TOLD
    if not isinstance(known, Known):
        raise AssertionError(  # noqa: TRY004 - what a failed test raises
            f"{type(driver).__name__}.known is {known!r}; it is Known.CONFIRMED or Known.TOLD"
        )
    return known


def _showing(driver: Driver, frame: Frame) -> Callable[[], None]:
    return lambda: driver.show(frame)


def _check_play(caller: _Caller, driver: Driver, pattern: Pattern) -> None:
    name = type(driver).__name__
    if not isinstance(driver, PatternDriver):
        if hasattr(driver, "play") or hasattr(driver, "plays"):
            raise AssertionError(f"{name} has one of play and plays; a PatternDriver has both")
        return
    light: PatternDriver = driver
    plays: Any = caller.must(f"plays of {pattern.text}", lambda: light.plays(pattern))
    if not isinstance(plays, bool):
        raise AssertionError(  # noqa: TRY004
            f"{name}.plays returns {plays!r}, which is neither true nor false"
        )
    if plays:
        caller.must(f"play of {pattern.text}", lambda: light.play(pattern))
        caller.must(f"play of {pattern.text} again", lambda: light.play(pattern))


def _check_wiring(driver: Driver, options: DriverOptions) -> None:
    if not isinstance(driver, Wired):
        return
    name = type(driver).__name__
    if not {*driver.wiring} <= options.channels:
        raise AssertionError(f"{name}.wiring names channels that Options.channels does not")
    if not all(isinstance(place, str) and place for place in driver.wiring.values()):
        raise AssertionError(f"{name}.wiring names a place that is not a string")


@dataclass(frozen=True, slots=True)
class _Belongings:
    """The threads and open files of this program; a light may leave some behind."""

    threads: frozenset[threading.Thread]
    files: int

    @classmethod
    def now(cls) -> "_Belongings":
        gc.collect()
        return cls(frozenset(threading.enumerate()), _count_files())


def _count_files() -> int:
    """Return the number of open files; 0 if the system does not show it."""
    with suppress(OSError):
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path for each is not wanted
    return 0


def _check_left(light: type[Driver], before: _Belongings, patience: float) -> None:
    """Check that no thread and no file is left; a thread may need a moment to end."""
    end = time.monotonic() + patience
    while True:
        after = _Belongings.now()
        threads = after.threads - before.threads
        # A thread or file that comes and goes is not a leak; one for every opening is.
        if not threads and after.files < before.files + ROUNDS:
            return
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    if threads:
        names = ", ".join(sorted(each.name for each in threads))
        raise AssertionError(f"{light.__name__} leaves threads behind after close: {names}")
    left = after.files - before.files
    raise AssertionError(
        f"{light.__name__} leaves {left} files open after close, of {2 * ROUNDS} openings"
    )


def _check_missing(caller: _Caller, light: type[Driver], keys: Mapping[str, object]) -> None:
    name = light.__name__
    options = light.Options.model_validate(keys)
    factory: Callable[[DriverOptions], Driver] = light
    what = f"{name}: opening a light that is missing"
    if not _unavailable(caller, what, lambda: factory(options).close()):
        raise AssertionError(f"{name} opens a light that is missing")


def _most(options: DriverOptions) -> Iterable[Channel]:
    """Return as many channels as the light can show together."""
    alone = (each for each in options.channels if options.combines(frozenset({each})))
    together = options.combines(options.channels)
    return options.channels if together else {next(alone, Channel.RED)}


_UNPLUGGED = "shows frames on a light that is gone"
_DEAF = "says confirmed of a light that does not show what it was told"


def _check_gone(
    caller: _Caller,
    options: DriverOptions,
    take_away: Callable[[], object],
    patience: float,
    lie: str,
) -> None:
    """Check that a light that goes away is reported within *patience*, and can still be closed."""
    driver = caller.open(options)
    name = type(driver).__name__
    try:
        lit = Frame.of(dict.fromkeys(_most(options), 1.0))
        caller.must(f"show of {lit}", _showing(driver, lit))
        take_away()
        what = f"{name}: show on a light that is gone"
        end = time.monotonic() + patience
        # Lit and dark in turn: a driver may skip a frame that equals the one before.
        for frame in cycle((DARK, lit)):
            if _unavailable(caller, what, _showing(driver, frame)):
                return
            if lie is _DEAF and _known(driver) is Known.TOLD:
                return  # It says that it does not know.
            if time.monotonic() > end:
                raise AssertionError(f"{name} {lie}")
            time.sleep(0.02)
    finally:
        caller.close(driver)


def _unavailable(caller: _Caller, what: str, function: Callable[[], object]) -> bool:
    """Return whether *function* raises LightUnavailable; its sentence must not be empty."""
    try:
        caller.call(what, function)
    except _HangsError:
        raise
    except LightUnavailable as exc:
        if not str(exc).strip():
            raise AssertionError(f"{what} raised LightUnavailable without a sentence") from exc
        return True
    except BaseException as exc:  # sys.exit(), too, as in must()
        raise AssertionError(
            f"{what} raised {type(exc).__name__}, where LightUnavailable is expected: {exc}"
        ) from exc
    return False
