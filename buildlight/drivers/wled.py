"""WLED lights: strips and lamps on the network, over WLED's JSON API.

The API is described at https://kno.wled.ge/interfaces/json-api/; the rest is from WLED's source
(wled00/json.cpp and wled00/FX.cpp, 0.15 and 16.0).
"""

import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from threading import Lock
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import h11
from pydantic import BeforeValidator, Field

from buildlight import __version__
from buildlight.drivers import WAIT, DriverOptions
from buildlight.drivers.colour import BLACK, MixingOptions, Rgb, inks, mixed
from buildlight.errors import LightUnavailable
from buildlight.network.deadline import Deadline, connect
from buildlight.patterns.pattern import (
    PULSE,
    STEADY,
    Channel,
    Frame,
    Pattern,
    Rhythm,
    Stroke,
    frame_at,
)

TIMEOUT = 2.0
"""Seconds for a whole call: look-up, connection, request and answer."""
MAX_BYTES = 64 * 1024
"""Largest answer, in bytes; the whole state of 32 segments is about 12 kB."""
LAST_PORT = 65_535

# What WLED itself calls orange (wled00/wled.h). WLED corrects colours for gamma, so that the
# strip shows about a quarter of green beside the red, which looks amber on LEDs.
COLOURS = inks(amber=(255, 160, 0))

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

    host: Annotated[str, BeforeValidator(_host)] = Field(
        description="name or IP address of the controller, with `:port` unless it is port 80"
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
        description="brightness of the whole controller, 1 to 255; unless set, the brightness that "
        "is set in WLED",
    )
    wait_for_light: bool = Field(default=True, description=WAIT)

    @property
    def claims(self) -> frozenset[str]:
        """The segment."""
        return frozenset({f"segment {self.segment} of {self.host.lower()}"})


# Effects of WLED; their numbers have never changed.
SOLID, BLINK, BREATHE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect that a segment plays: *colour*, and *background* in the dark part of a rhythm."""

    number: int
    colour: Rgb
    background: Rgb = BLACK
    speed: int = 128
    intensity: int = 128


def effect_of(pattern: Pattern) -> Effect | None:
    """Return the effect that looks like *pattern*; ``None`` if no effect does.

    A segment has one rhythm and two colours. A pattern fits if all its moving channels share
    one rhythm; the steady channels are the second colour. WLED has no effect for a double blink.
    A pattern with an end is not played either: WLED would repeat it for ever.
    """
    if any(stroke.lasts is not None for stroke in pattern.strokes):
        return None
    moving = {stroke.rhythm for stroke in pattern.strokes if len(stroke.rhythm) > 1}
    if not moving:
        return Effect(SOLID, _still(pattern.strokes))
    if len(moving) > 1:
        return None
    (rhythm,) = moving
    if rhythm == PULSE:
        background = tuple(each for each in pattern.strokes if each.rhythm != rhythm)
        # FX.cpp, mode_breath: a breath takes 65536 / (sx / 8 + 10) ms, 1.99 s at 184, and goes
        # down to 12% instead of 5%; the eye sees no difference.
        return Effect(BREATHE, _still(pattern.strokes), _still(background), speed=184)
    timing = blink_timing(rhythm)
    if timing is None:
        return None
    (_, on), (_, off) = rhythm
    return Effect(
        BLINK,
        _still(_scaled(pattern.strokes, rhythm, on)),
        _still(_scaled(pattern.strokes, rhythm, off)),
        *timing,
    )


def blink_timing(rhythm: Rhythm) -> tuple[int, int] | None:
    """Return the speed and intensity with which WLED blinks in *rhythm*; ``None`` if it cannot.

    FX.cpp, blink: a cycle is (255 - sx) * 20 ms and two frames. It is on for
    (255 - sx) * 20 * ix / 256 ms and one frame. A frame is 24 ms unless another rate was set.
    """
    if len(rhythm) != 2:  # noqa: PLR2004 - on and off
        return None
    on, off = (round(seconds * 1000) for seconds, _ in rhythm)
    slowness = round((on + off - 2 * FRAME) / 20)
    if not 0 < slowness <= 255:  # noqa: PLR2004 - a byte
        return None
    intensity = min(max(round((on - FRAME) * 256 / (slowness * 20)), 0), 255)
    shown_on = FRAME + slowness * 20 * intensity // 256
    shown_off = slowness * 20 + 2 * FRAME - shown_on
    if max(abs(shown_on - on), abs(shown_off - off)) > UNSEEN:
        return None
    return 255 - slowness, intensity


FRAME = 24
"""Milliseconds between two frames of WLED."""
UNSEEN = 25
"""Milliseconds by which a blink may differ from the pattern, which nobody can see."""


def _scaled(strokes: tuple[Stroke, ...], rhythm: Rhythm, level: float) -> tuple[Stroke, ...]:
    return tuple(
        replace(stroke, level=stroke.level * level) if stroke.rhythm == rhythm else stroke
        for stroke in strokes
    )


def _still(strokes: tuple[Stroke, ...]) -> Rgb:
    """Return the mixed colour of all *strokes* at their highest level."""
    still = tuple(replace(stroke, rhythm=STEADY) for stroke in strokes)
    return mixed(frame_at(Pattern("", still), 0.0), COLOURS)


def state_of(effect: Effect, *, segment: int, brightness: int | None) -> Mapping[str, Any]:
    """Return the state that makes WLED show *effect* on *segment*, whatever it shows now.

    ``tt`` is the time of the cross-fade, for this call only; ``pal`` 0 takes the colours from
    ``col``; ``fx`` ends a playlist. Only this segment goes dark: others stay as they are.
    """
    if effect.colour == effect.background == BLACK:
        return {"tt": 0, "seg": [{"id": segment, "on": False}]}
    return {
        "on": True,
        **({} if brightness is None else {"bri": brightness}),
        "tt": 0,
        "seg": [
            {
                "id": segment,
                "on": True,
                "bri": 255,
                "frz": False,
                "fx": effect.number,
                "sx": effect.speed,
                "ix": effect.intensity,
                "pal": 0,
                "col": [effect.colour, effect.background, BLACK],
            }
        ],
    }


class WledLight:
    """A WLED strip or lamp on the network, or one segment of it.

    Nothing is changed before the first frame.
    """

    Options: ClassVar[type[DriverOptions]] = WledOptions
    # WLED's app can change it at any time, and it loses its state with its power.
    refresh: ClassVar[float | None] = 30.0

    def __init__(self, options: WledOptions) -> None:
        self.host = options.host
        self._options = options
        self._told: Mapping[str, Any] | None = None
        self._told_at = 0.0
        self._closed = False
        self._mac = ""
        self._find_segment()
        self._claim_segment()

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The segment, for every colour."""
        where = f"segment {self._options.segment} of {self.host}"
        return dict.fromkeys(self._options.channels, where)

    def show(self, frame: Frame) -> None:
        """Show *frame*, its levels in quarters.

        Every change is a request. A breath shown as frames would be twenty requests a second, too
        many for an ESP8266; with quarters it is three. Steady patterns are played as effects, at
        their exact levels.
        """
        quarters = {channel: max(1, round(level * 4)) / 4 for channel, level in frame.levels}
        self._tell(Effect(SOLID, mixed(Frame.of(quarters), COLOURS)))

    def plays(self, pattern: Pattern) -> bool:
        """Return whether an effect of WLED looks like *pattern*."""
        return effect_of(pattern) is not None

    def play(self, pattern: Pattern) -> None:
        """Start the effect; its phase follows WLED's clock."""
        effect = effect_of(pattern)
        if effect is None:
            self.show(frame_at(pattern, 0.0))
        else:
            self._tell(effect)

    def close(self) -> None:
        """Darken the segment if it was lit, and release it."""
        if self._told is not None:
            with suppress(LightUnavailable):
                self._tell(Effect(SOLID, BLACK))
        self._told = None
        self._closed = True
        with _OPENING:
            if _OPEN.get((self._mac, self._options.segment)) is self:
                del _OPEN[self._mac, self._options.segment]

    def _find_segment(self) -> None:
        state = self._ask()
        found = state.get("seg") if isinstance(state, dict) else None
        if not isinstance(found, list):
            raise LightUnavailable(f"{self.host} {_NO_WLED}")
        numbers = list(_numbers(found))
        if self._options.segment not in numbers:
            there = ", ".join(map(str, numbers)) or "none"
            raise LightUnavailable(
                f"{self.host} has no segment {self._options.segment}; there are: {there}"
            )

    def _claim_segment(self) -> None:
        """Raise if another lamp uses this segment under another address of the light."""
        info = self._ask(path="/json/info")
        mac = info.get("mac") if isinstance(info, dict) else None
        if not isinstance(mac, str) or not mac:
            return  # Without a MAC address, addresses cannot be compared.
        segment = self._options.segment
        with _OPENING:
            other = _OPEN.setdefault((mac, segment), self)
        if other.host.lower() != self.host.lower():
            raise LightUnavailable(
                f"{self.host} is the same light as {other.host}, where another lamp shows "
                f"segment {segment}; remove one of the lamps, or set another segment"
            )
        self._mac = mac

    def _tell(self, effect: Effect) -> None:
        options = self._options
        state = state_of(effect, segment=options.segment, brightness=options.brightness)
        now = time.monotonic()
        if state == self._told and now < self._told_at + REPEAT:
            return
        self._told = None  # Unknown until the request has succeeded.
        answer = self._ask(state)
        if not isinstance(answer, dict) or answer.get("success") is not True:
            raise LightUnavailable(f"{options.host} {_NO_WLED}")
        self._told, self._told_at = state, now

    def _ask(self, state: Mapping[str, Any] | None = None, *, path: str = "/json/state") -> Any:
        """Send *state*, or read *path*; the answer is checked, never trusted."""
        host = self._options.host
        if self._closed:
            raise LightUnavailable(f"{host} is closed")
        try:
            status, body = _call(host, path, state, Deadline(TIMEOUT))
            if status != HTTPStatus.OK:
                raise LightUnavailable(_refused(host, status))
            return json.loads(body)
        except TimeoutError as exc:
            raise LightUnavailable(f"{host} {_SILENT}") from exc
        except (ValueError, RecursionError, h11.ProtocolError) as exc:
            raise LightUnavailable(f"{host} {_NO_WLED}") from exc
        except OSError as exc:
            raise LightUnavailable(_unreachable(host, exc)) from exc


REPEAT = 15.0
"""Seconds after which an unchanged state is sent again."""

_NO_WLED = "does not answer as WLED does; check host"
_SILENT = f"timed out after {TIMEOUT:.0f} s; check its power and network"


_OPEN: WeakValueDictionary[tuple[str, int], WledLight] = WeakValueDictionary()
"""The segments that lamps of this program use, by the light's MAC address."""
_OPENING = Lock()


def _call(
    host: str, path: str, state: Mapping[str, Any] | None, deadline: Deadline
) -> tuple[int, bytes]:
    """Get *path*, or post *state* to it; return the status and the body of the answer.

    Each call has a connection, because WLED closes idle ones. No proxy: the light is local.
    """
    place = urlsplit(f"//{host}")
    body = b"" if state is None else json.dumps(state).encode()
    request = h11.Request(
        method="GET" if state is None else "POST",
        target=path,
        headers=[
            ("Host", host),
            ("User-Agent", f"buildlight/{__version__}"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
            *([] if state is None else [("Content-Type", "application/json")]),
            ("Content-Length", str(len(body))),
        ],
    )
    http = h11.Connection(h11.CLIENT)
    events = (request, h11.Data(body), h11.EndOfMessage())
    sent = b"".join(http.send(event) or b"" for event in events)
    with connect(place.hostname or "", place.port or 80, deadline) as wire:
        wire.settimeout(deadline.left())
        wire.sendall(sent)
        return _answer(http, wire, deadline)


def _answer(http: h11.Connection, wire: socket.socket, deadline: Deadline) -> tuple[int, bytes]:
    status, body = 0, b""
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            wire.settimeout(deadline.left())
            http.receive_data(wire.recv(PIECE))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BYTES:
                raise ValueError("the answer is too long")
    return status, body


PIECE = 16_384
"""Bytes that are read at once."""


def _numbers(segments: list[Any]) -> Iterator[int]:
    """Yield the numbers of *segments*; in old versions the position is the number."""
    for position, segment in enumerate(segments):
        number = segment.get("id", position) if isinstance(segment, dict) else None
        if type(number) is int:
            yield number


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
