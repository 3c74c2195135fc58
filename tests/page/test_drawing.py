"""A lamp as a picture: the same pattern, the same rhythm."""

from collections.abc import Mapping
from colorsys import rgb_to_hsv
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from buildlight.counted import Watched
from buildlight.memory import Verdict
from buildlight.pattern import (
    RHYTHMS,
    Channel,
    Frame,
    Pattern,
    dimmed,
    frame_at,
    parse_pattern,
)
from buildlight.publish.drawing import LIT, icon_svg, lamp_svg
from buildlight.report import LampReport
from page.reports import DOWN, a_feed, a_lamp, a_report, broken, known

COLOURS = (Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BLUE, Channel.WHITE)


def lamp(pattern: Pattern | str) -> LampReport:
    """Return a lamp of all colours that shows *pattern*."""
    (row,) = a_report(a_feed(known())).lamps
    shown = parse_pattern(pattern) if isinstance(pattern, str) else pattern
    return replace(row, pattern=shown, channels=COLOURS)


def drawn(shown: LampReport, *, elapsed: float = 0.0, layer: str = "moving") -> Element:
    """Return the lights of a drawing that move, or those that do not."""
    picture: Element = fromstring(lamp_svg(shown, elapsed=elapsed))
    (found,) = [each for each in picture if each.get("class") == layer]
    return found


def levels(layer: Element, seconds: float) -> dict[Channel, float]:
    """Return how bright a browser draws each light, so many seconds after it was loaded."""
    found: dict[Channel, float] = {}
    for light in layer:
        level = float(light.attrib["opacity"])
        for each in light:
            level = _animated(each, seconds, level)
        channel = Channel(light.attrib["class"])
        found[channel] = max(level, found.get(channel, 0.0))
    return {channel: level for channel, level in found.items() if level > 0}


def _animated(element: Element, seconds: float, level: float) -> float:
    """Do what SMIL says (https://www.w3.org/TR/SVG11/animate.html): discrete values, in turn."""
    if element.tag == "set" and seconds >= float(element.attrib["begin"].removesuffix("s")):
        return float(element.attrib["to"])
    if element.tag == "animate":
        assert element.attrib["calcMode"] == "discrete"
        cycle = float(element.attrib["dur"].removesuffix("s"))
        times = [float(each) * cycle for each in element.attrib["keyTimes"].split(";")]
        values = [float(each) for each in element.attrib["values"].split(";")]
        assert times[0] == 0.0
        assert times == sorted(times)
        return [v for v, at in zip(values, times, strict=True) if at <= seconds % cycle][-1]
    return level


PATTERNS = [
    *(f"red {rhythm}" for rhythm in RHYTHMS),
    "red 30% blink",
    "red, amber double-blink",
    "red pulse, amber double-blink",
    "red, buzzer 2s",
    "green blink 5s",
    "white 2s, blue",
    "off",
]


@pytest.mark.parametrize("text", PATTERNS)
@given(seconds=st.floats(0, 30))
def test_a_drawing_shines_as_the_lamp_does(text: str, seconds: float) -> None:
    """At every moment the browser lights what the light itself is shown."""
    pattern = parse_pattern(text)
    near = [frame_at(pattern, max(seconds + off, 0.0)) for off in (-0.003, 0.0, 0.003)]

    told = levels(drawn(lamp(pattern)), seconds)

    assert any(_alike(told, frame) for frame in near)


def _alike(told: Mapping[Channel, float], frame: Frame) -> bool:
    seen = {channel: level for channel, level in frame.levels if channel is not Channel.BUZZER}
    return told.keys() == seen.keys() and all(
        told[channel] == pytest.approx(level, abs=0.006) for channel, level in seen.items()
    )


def test_what_is_over_is_not_drawn_again() -> None:
    """Whoever opens the page a minute later sees no flash that is a minute old."""
    shown = lamp("red, green 5s")

    assert levels(drawn(shown, elapsed=4.0), 0.5) == {Channel.RED: 1, Channel.GREEN: 1}
    assert levels(drawn(shown, elapsed=4.0), 1.5) == {Channel.RED: 1}
    assert levels(drawn(shown, elapsed=60.0), 0.0) == {Channel.RED: 1}


@pytest.mark.parametrize("text", PATTERNS)
def test_for_who_wants_no_motion_nothing_moves(text: str) -> None:
    """With reduced motion the same colours shine, and stay as they are."""
    still = drawn(lamp(text), layer="still")

    assert not [each for each in still.iter() if each.tag in ("animate", "set")]
    assert {each.get("class") for each in still} == {
        stroke.channel.value
        for stroke in parse_pattern(text).strokes
        if stroke.channel is not Channel.BUZZER
    }


def test_a_dimmed_lamp_is_drawn_dimmed() -> None:
    """When the office is closed, what is left of the pattern is what is seen."""
    assert levels(drawn(lamp(dimmed(parse_pattern("red"), 0.2))), 0.0) == {Channel.RED: 0.2}
    assert levels(drawn(lamp(dimmed(parse_pattern("red"), 0.0))), 0.0) == {}


def test_a_lamp_has_the_lenses_that_it_has() -> None:
    """Red is above green, and a light of one colour has one lens."""
    picture = fromstring(lamp_svg(replace(lamp("green"), channels=(Channel.GREEN,)), elapsed=0.0))
    whole = fromstring(lamp_svg(lamp("green"), elapsed=0.0))

    def lenses(drawing: Element) -> list[str | None]:
        (sockets,) = [each for each in drawing if each.get("class") == "socket"]
        ordered = sorted(sockets, key=lambda each: float(each.attrib["cy"]))
        return [each.get("class") for each in ordered]

    assert lenses(picture) == ["green"]
    assert lenses(whole) == [channel.value for channel in COLOURS]


@pytest.mark.parametrize(
    ("feed", "colour"),
    [
        (a_feed(known()), "#16a34a"),
        (a_feed(broken()), "#e5231b"),
        (a_feed(known(), error=DOWN), "#b45309"),
        (a_feed(broken(), error=DOWN), "#e5231b"),
        (a_feed(known("a", Verdict.NONE)), "#16a34a"),  # As for projects: it outweighs nothing.
    ],
)
def test_the_icon_shows_the_worst_lamp(feed: Watched, colour: str) -> None:
    """A tab among twenty says whether to look."""
    good = a_feed(known(), name="good")
    lamps = [a_lamp("good", "good"), a_lamp("other", "web")]

    circle = next(iter(fromstring(icon_svg(a_report(good, feed, lamps=lamps)))))

    assert circle.get("fill") == colour


def test_the_icon_of_nothing_is_not_green() -> None:
    """Before the first report nobody knows."""
    assert "#16a34a" not in icon_svg(None)


def test_icons_differ_in_shape() -> None:
    """Whoever tells no red from green sees a cross, a tick, a question mark or a dash."""
    feeds = [
        a_feed(known()),
        a_feed(broken()),
        a_feed(known(), error=DOWN),
        a_feed(known("a", Verdict.NONE)),
    ]

    shapes = {
        each.get("d")
        for feed in feeds
        for each in fromstring(icon_svg(a_report(feed)))
        if each.get("d")
    }

    assert len(shapes) == 4


@pytest.mark.parametrize(
    ("channel", "degrees"),
    [(Channel.RED, 0), (Channel.AMBER, 40), (Channel.GREEN, 140), (Channel.BLUE, 220)],
)
def test_a_lens_is_drawn_in_its_colour(channel: Channel, degrees: int) -> None:
    """Amber on the page is amber, by the wheel of colours."""
    red, green, blue = (int(LIT[channel][at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, saturation, _ = rgb_to_hsv(red, green, blue)

    assert abs((hue * 360 - degrees + 180) % 360 - 180) < 15
    assert saturation > 0.5


def test_white_is_no_colour() -> None:
    """Bright, and no other lens is as pale."""
    levels = [int(LIT[Channel.WHITE][at : at + 2], 16) for at in (1, 3, 5)]

    assert min(levels) > 220
