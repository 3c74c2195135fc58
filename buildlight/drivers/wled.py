"""WLED lights: strips and lamps in the network, over WLED's JSON API.

What is sent, and how an answer is judged, is in ``wled_effects``; this module sends it and holds
the light.
"""

import json
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from threading import Lock
from typing import Annotated, Any, ClassVar
from weakref import WeakValueDictionary

import h11
from pydantic import BeforeValidator, Field

from buildlight.drivers import WAIT, DriverOptions, Known
from buildlight.drivers.colour import BLACK, MixingOptions, mixed
from buildlight.drivers.wled_effects import (
    BLINK,
    BREATHE,
    COLOURS,
    SOLID,
    Effect,
    blink_timing,
    effect_of,
    fault_of,
    is_whole,
    missing_segment,
    segments_of,
    state_of,
)
from buildlight.errors import LightUnavailable
from buildlight.network.light_http import Call, LightConnection
from buildlight.patterns.pattern import Channel, Frame, Pattern, frame_at

__all__ = ["BLINK", "BREATHE", "SOLID", "WledLight", "WledOptions", "blink_timing"]

TIMEOUT = 3.0
"""Seconds for a whole call while the light is opened: look-up, connection, request and answer."""
SLOW = 6.0
"""The same afterwards: where Wi-Fi saves power, the connection and the answer take up to 3 s each
(raspberrypi/linux#7533)."""
PAUSE = 0.25
"""Seconds before a call that failed is made once more: an ESP8266 answers 503 now and then."""
LAST_PORT = 65_535

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?|\[[0-9A-Fa-f:.]+\])(?::(\d+))?")


def _host(host: Any) -> str:
    if isinstance(host, str) and "://" in host:
        raise ValueError("is more than a host; leave out http:// and what follows the name")
    match = _HOST.fullmatch(host) if isinstance(host, str) else None
    if match is None or not 0 < int(match[1] or 80) <= LAST_PORT:
        raise ValueError("is not a host; write it as wled-desk.local or 192.168.1.20")
    return str(host)


class WledOptions(MixingOptions):
    """The keys of a WLED light."""

    host: Annotated[str, BeforeValidator(_host, json_schema_input_type=str)] = Field(
        examples=["wled-desk.local"],
        description="name or IP address of the controller, with `:port` unless it is port 80",
    )
    segment: int = Field(
        default=0,
        ge=0,
        le=63,
        description="number of the segment; an undivided strip is segment 0",
    )
    brightness: int | None = Field(
        default=None,
        ge=1,
        le=255,
        description="brightness of the whole controller, 1 to 255; unless set, the one that is "
        "set in WLED",
    )
    wait_for_light: bool = Field(default=True, description=WAIT)

    @property
    def claims(self) -> frozenset[str]:
        """The segment."""
        return frozenset({f"segment {self.segment} of {self.host.lower()}"})


class WledLight:
    """A WLED strip or lamp in the network, or one segment of it.

    Nothing is changed before the first frame.
    """

    Options: ClassVar[type[DriverOptions]] = WledOptions
    # Anybody with WLED's app can change it behind our back, and it forgets with its power.
    refresh: ClassVar[float | None] = 30.0
    patience: ClassVar[float] = 2 * SLOW + PAUSE + 0.5

    def __init__(self, options: WledOptions) -> None:
        self.host = options.host
        self.known = Known.TOLD
        """What stands behind the last state."""
        self._options = options
        self._connection = LightConnection(f"http://{options.host}")
        self._told: Mapping[str, Any] | None = None
        self._told_at = 0.0
        self._opened = self._closed = False
        self._mac = ""
        try:
            self._find_segment()
        except LightUnavailable:
            self._connection.close()
            raise
        self._opened = True

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The segment, for every colour."""
        where = f"segment {self._options.segment} of {self.host}"
        return dict.fromkeys(self._options.channels, where)

    def show(self, frame: Frame) -> None:
        """Show *frame*, its levels in quarters.

        Every change is a request. A breath that is drawn by hand would be twenty of them in a
        second, more than an ESP8266 likes; in quarters it is three. Patterns that stand still
        are played, at their exact levels.
        """
        quarters = {channel: max(1, round(level * 4)) / 4 for channel, level in frame.levels}
        self._tell(Effect(SOLID, mixed(Frame.of(quarters), COLOURS)))

    def plays(self, pattern: Pattern) -> bool:
        """Return whether an effect of WLED looks like *pattern*."""
        return effect_of(pattern) is not None

    def play(self, pattern: Pattern) -> None:
        """Start the effect; its phase is that of WLED's clock."""
        effect = effect_of(pattern)
        if effect is None:
            self.show(frame_at(pattern, 0.0))
        else:
            self._tell(effect)

    def close(self) -> None:
        """Darken the segment if it was lit, give live data its way again, and let go."""
        if self._told is not None:
            dark = state_of(Effect(SOLID, BLACK), segment=self._options.segment, brightness=None)
            alone = not any(
                mac == self._mac and light is not self for (mac, _), light in [*_OPEN.items()]
            )
            with suppress(LightUnavailable):
                self._ask({**dark, "lor": 0} if alone else dark)
        self._told = None
        self._closed = True
        self._connection.close()
        with _OPENING:
            if _OPEN.get((self._mac, self._options.segment)) is self:
                del _OPEN[self._mac, self._options.segment]

    def _find_segment(self) -> None:
        state, info = self._look()
        segment = self._options.segment
        mac = info.get("mac")
        self._mac = mac if isinstance(mac, str) else ""
        if segment not in segments_of(state):
            self._note_missing()
            raise LightUnavailable(f"{self.host} {missing_segment(segment, state)}")
        if self._mac:  # Else its addresses cannot be compared.
            self._claim_segment()
        _MISSED[self._mac or self.host, segment] = None

    def _note_missing(self) -> None:
        """Remember that the segment is gone, if it was there before."""
        key = (self._mac or self.host, self._options.segment)
        if key in _MISSED:
            _MISSED[key] = time.monotonic()

    def _claim_segment(self) -> None:
        """Refuse a segment that another lamp shows under another address of the light."""
        segment = self._options.segment
        with _OPENING:
            other = _OPEN.setdefault((self._mac, segment), self)
        if other.host.lower() != self.host.lower():
            self._mac = ""  # It is the other's.
            raise LightUnavailable(
                f"{self.host} is the same light as {other.host}, where another lamp shows "
                f"segment {segment}; remove one of the lamps, or set another segment"
            )

    def _tell(self, effect: Effect) -> None:
        options = self._options
        state = state_of(effect, segment=options.segment, brightness=options.brightness)
        now = time.monotonic()
        if state == self._told and now < self._told_at + REPEAT:
            return
        # Until it is known to have arrived; but close darkens what may have.
        self._told = {}
        shown, info = self._understood(self._ask(state))
        if (fault := fault_of(state, shown, info) or self._covered(shown)) is not None:
            if options.segment not in segments_of(shown):
                self._note_missing()
            raise LightUnavailable(f"{self.host} {fault}")
        self.known = Known.CONFIRMED if is_whole(state, shown) else Known.TOLD
        self._told, self._told_at = state, now

    def _covered(self, state: Mapping[str, Any]) -> str | None:
        """Return which segment of another lamp is gone: this one may cover its LEDs by now.

        WLED forgets its segments with its power, and one of them is then the whole strip.
        """
        there, now = segments_of(state), time.monotonic()
        for (place, segment), at in [*_MISSED.items()]:
            ours = place == (self._mac or self.host)
            if ours and segment not in there and at is not None and now < at + MISSED:
                return f"lost segment {segment}, which another lamp shows; {_BOOT}"
        return None

    def _look(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the state and the info of the light."""
        return self._understood(self._ask())

    def _understood(self, answer: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the state and the info of *answer*; ask for what it leaves out."""
        match answer:
            case {"state": {"seg": list()} as state, "info": info}:
                return state, info if isinstance(info, dict) else {}
            case {"seg": list()} as state:
                info = self._ask(path="/json/info")
                return state, info if isinstance(info, dict) else {}
            case {"success": True}:  # An old version, which does not know "v".
                return self._look()
        raise LightUnavailable(f"{self.host} {_NO_WLED}")

    def _ask(self, state: Mapping[str, Any] | None = None, *, path: str = "/json/si") -> Any:
        """Send *state*, or ask for what is at *path*; a call that fails is made once more."""
        if self._closed:
            raise LightUnavailable(f"{self.host} is closed")
        begun = time.monotonic()
        try:
            return self._answer(state, path)
        except LightUnavailable:
            if not self._opened and time.monotonic() > begun + TIMEOUT / 2:
                raise  # Opening has its own time.
        time.sleep(PAUSE)
        return self._answer(state, path)

    def _answer(self, state: Mapping[str, Any] | None, path: str) -> Any:
        """Return the answer of one call; nothing in it is trusted."""
        host = self.host
        call = Call("GET", path)
        if state is not None:
            body = json.dumps(state).encode()
            call = Call("POST", path, {"Content-Type": "application/json"}, body)
        seconds = SLOW if self._opened else TIMEOUT
        try:
            status, found = self._connection.call(call, seconds=seconds)
            if status != HTTPStatus.OK:
                raise LightUnavailable(_refused(host, status))
            return json.loads(found)
        except TimeoutError as exc:
            raise LightUnavailable(f"{host} timed out; check its power and network") from exc
        except (ValueError, RecursionError, h11.ProtocolError) as exc:
            raise LightUnavailable(f"{host} {_NO_WLED}") from exc
        except OSError as exc:
            raise LightUnavailable(_unreachable(host, exc)) from exc


REPEAT = 15.0
"""Seconds after which a state that was told is told again, if anybody asks for it."""
MISSED = 60.0
"""Seconds for which a segment that a lamp missed is remembered."""

_NO_WLED = "does not answer as WLED does; check host"
_BOOT = "save the segments as a preset, and let WLED load it at boot"


_OPEN: WeakValueDictionary[tuple[str, int], WledLight] = WeakValueDictionary()
"""The segments that lamps of this program show, by the light's MAC address."""
_OPENING = Lock()
_MISSED: dict[tuple[str, int], float | None] = {}
"""When a lamp of this program missed a segment that it had before, by the light's MAC address."""


def _refused(host: str, status: int) -> str:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return f"{host} is busy (status 503); does another program control it, too?"
    return f"{host} answered with status {status}; is it a WLED light? check host"


def _unreachable(host: str, exc: OSError) -> str:
    if isinstance(exc, socket.gaierror):
        return f"cannot resolve {host}; check host, or use its address"
    if isinstance(exc, ConnectionRefusedError):
        return f"connection to {host} refused; is it a WLED light? check host"
    return f"cannot reach {host}; check its power and network"
