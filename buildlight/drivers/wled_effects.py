"""What WLED is told for a pattern, and whether the state that it answers is that. Pure.

The API is described at https://kno.wled.ge/interfaces/json-api/; what is not described there
was read in WLED's source (wled00/json.cpp and wled00/FX.cpp, 0.15 and 16.0).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from buildlight.drivers.colour import BLACK, Rgb, inks, mixed
from buildlight.patterns.pattern import (
    PULSE,
    RHYTHMS,
    STEADY,
    Pattern,
    Rhythm,
    Stroke,
    frame_at,
)

# What WLED itself calls orange (wled00/wled.h). WLED corrects colours for gamma, so that the
# strip shows about a quarter of green beside the red, which looks amber on LEDs.
COLOURS = inks(amber=(255, 160, 0))

# Effects of WLED; their numbers have never changed.
SOLID, BLINK, BREATHE, HEARTBEAT = 0, 1, 2, 100


@dataclass(frozen=True, slots=True)
class Effect:
    """What a segment shows by itself: *colour*, and in a rhythm's dark moments *background*."""

    number: int
    colour: Rgb
    background: Rgb = BLACK
    speed: int = 128
    intensity: int = 128


def effect_of(pattern: Pattern) -> Effect | None:
    """Return the effect that looks like *pattern*; ``None`` if no effect does.

    A segment has one rhythm and two colours. So does a pattern in which whatever moves moves
    together, and still channels shine through the dark moments. A double blink is a heartbeat.
    What has an end is not an effect: WLED would play on when we are gone.
    """
    moving = {stroke.rhythm for stroke in pattern.strokes if len(stroke.rhythm) > 1}
    if len(moving) > 1 or any(stroke.lasts is not None for stroke in pattern.strokes):
        return None
    if not moving:
        return Effect(SOLID, _still(pattern.strokes))
    (rhythm,) = moving
    background = tuple(each for each in pattern.strokes if each.rhythm != rhythm)
    if rhythm == PULSE:
        # FX.cpp, mode_breath: a breath takes 65536 / (sx / 8 + 10) ms, 1.99 s at 184, and goes
        # down to 12% instead of 5%: the same to the eye.
        return Effect(BREATHE, _still(pattern.strokes), _still(background), speed=184)
    if rhythm == RHYTHMS["double-blink"]:
        # FX.cpp, mode_heartbeat: 40 + sx / 8 double beats a minute, the second after a third of
        # the time: 1.5 s at 0. At 255 a beat is down to 12% when the next one comes.
        return Effect(
            HEARTBEAT, _still(pattern.strokes), _still(background), speed=0, intensity=255
        )
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

    FX.cpp, blink: the cycle is (255 - sx) * 20 ms and two frames, of which it is on for
    (255 - sx) * 20 * ix / 256 ms and one. A frame is 24 ms unless another rate was set.
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
"""Milliseconds by which a blink may differ from what was asked for; nobody sees it."""


def _scaled(strokes: tuple[Stroke, ...], rhythm: Rhythm, level: float) -> tuple[Stroke, ...]:
    return tuple(
        replace(stroke, level=stroke.level * level) if stroke.rhythm == rhythm else stroke
        for stroke in strokes
    )


def _still(strokes: tuple[Stroke, ...]) -> Rgb:
    """Return the colour of all *strokes* at their highest."""
    still = tuple(replace(stroke, rhythm=STEADY) for stroke in strokes)
    return mixed(frame_at(Pattern("", still), 0.0), COLOURS)


OVERRIDE = 2
"""``lor``: live data (E1.31, Hyperion) is not shown until the next reboot."""


def state_of(effect: Effect, *, segment: int, brightness: int | None) -> Mapping[str, Any]:
    """Return the state that makes WLED show *effect* on *segment*, whatever it shows now.

    ``v`` asks for the whole state as the answer. ``tt`` is the time of the cross-fade, of this
    call alone; ``nl`` is the night light, which would fade the lamp out; ``pal`` 0 takes the
    colours from ``col``; naming ``fx`` ends a playlist. Darkness is the segment's: others stay
    as they are.
    """
    state = {"v": True, "tt": 0, "lor": OVERRIDE, "nl": {"on": False}}
    if effect.colour == effect.background == BLACK:
        return {**state, "seg": [{"id": segment, "on": False}]}
    return {
        **state,
        "on": True,
        **({} if brightness is None else {"bri": brightness}),
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
                "col": [[*effect.colour], [*effect.background], [*BLACK]],
            }
        ],
    }


def fault_of(
    told: Mapping[str, Any], state: Mapping[str, Any], info: Mapping[str, Any]
) -> str | None:
    """Return what *state* and *info* show instead of what was *told*; ``None`` if it is that.

    Only what an answer has is compared: old versions leave things out.
    """
    (wanted,) = told["seg"]
    number = wanted["id"]
    segment = segments_of(state).get(number)
    if segment is None:
        return missing_segment(number, state)
    if (fault := _overruled(told, state, info)) is not None:
        return fault
    if all(_same(key, wanted[key], segment[key]) for key in wanted.keys() & segment.keys()):
        return None
    return f"shows something else on segment {number}; does another program control it?"


def _overruled(
    told: Mapping[str, Any], state: Mapping[str, Any], info: Mapping[str, Any]
) -> str | None:
    """Return what of the whole light keeps every segment from being seen."""
    if info.get("live") is True and not state.get("lor"):
        return f"shows live data{_from(info)} instead; stop it, or disable it in its sync settings"
    if isinstance(night := state.get("nl"), dict) and night.get("on") is True:
        return "is faded out by its night light; switch the night light off"
    if told.get("on") and state.get("on") is False:
        return "is switched off; does another program control it?"
    if "bri" in told and state.get("bri", told["bri"]) != told["bri"]:
        return f"has brightness {state['bri']} instead; does another program control it?"
    return None


def is_whole(told: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Return whether *state* has all that tells whether the segment shows what was *told*."""
    (wanted,) = told["seg"]
    shown = segments_of(state)[wanted["id"]]
    return all(key in shown for key in ("on", "col", "fx") if key in wanted)


def segments_of(state: Mapping[str, Any]) -> Mapping[int, Mapping[str, Any]]:
    """Return the segments of *state* by their numbers; old versions leave them to be counted."""
    found = state.get("seg")
    return dict(_numbered(found if isinstance(found, list) else []))


def _numbered(segments: list[Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for position, segment in enumerate(segments):
        number = segment.get("id", position) if isinstance(segment, dict) else None
        if type(number) is int:
            yield number, segment


def missing_segment(number: int, state: Mapping[str, Any]) -> str:
    """Return that there is no segment *number*, and which there are."""
    there = ", ".join(map(str, segments_of(state))) or "none"
    return f"has no segment {number}; there are: {there}"


def _same(key: str, wanted: Any, shown: Any) -> bool:
    if key != "col":
        return bool(wanted == shown)
    # Two colours are used.
    found = shown[:2] if isinstance(shown, list) else []
    return bool([*map(_rgb, found)] == [*map(_rgb, wanted[:2])])


def _rgb(colour: Any) -> Any:
    """Return *colour* without the white of a strip that has a white channel, if that is 0."""
    return colour[:3] if isinstance(colour, list) and not any(colour[3:]) else colour


def _from(info: Mapping[str, Any]) -> str:
    kind, address = info.get("lm"), info.get("lip")
    words = [str(each)[:40] for each in (kind, address) if isinstance(each, str) and each]
    return f" ({', '.join(words)})" if words else ""
