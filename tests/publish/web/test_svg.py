"""A lamp as a picture: the same pattern, the same rhythm."""

from collections.abc import Mapping
from colorsys import rgb_to_hsv
from dataclasses import replace
from datetime import UTC, time
from itertools import pairwise
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from buildlight.hours import Hours
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import RHYTHMS, Channel, Frame, Pattern, dim, frame_at
from buildlight.projects.verdict import Verdict
from buildlight.publish.web.svg import CLOSED, LIT, icon_svg, lamp_svg
from buildlight.report.report import LampReport
from buildlight.report.rows import Watched
from buildlight.report.shown import Light
from support.reports import DOWN, a_feed, a_lamp, a_report, broken, known

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
    "buzzer 2s, red",
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


def test_what_ends_just_now_leaves_the_rest() -> None:
    """Nothing of it is left in the picture, and what shines on is drawn behind it."""
    (light,) = drawn(lamp("green 5s, red"), elapsed=5.0)

    assert light.get("class") == "red"


def test_a_rhythm_goes_on_as_long_as_the_lamp_does() -> None:
    """For ever, unless the pattern says for how long."""
    (always,) = drawn(lamp("red blink")).iter("animate")
    (ending,) = drawn(lamp("red blink 5s"), elapsed=1.5).iter("animate")

    assert (always.get("repeatCount"), always.get("repeatDur")) == ("indefinite", None)
    assert (ending.get("repeatCount"), ending.get("repeatDur")) == (None, "3.5s")


@pytest.mark.parametrize("count", range(1, 6))
def test_a_lamp_stands_in_the_middle_of_its_picture(count: int) -> None:
    """Its case is inside, and above the first lens is as much of it as below the last."""
    shown = replace(lamp("off"), channels=COLOURS[:count])

    picture = fromstring(lamp_svg(shown, elapsed=0.0))

    left, top, width, height = map(float, picture.attrib["viewBox"].split(" "))
    (case,) = picture.iter("rect")
    x, y, wide, high = (float(case.attrib[each]) for each in ("x", "y", "width", "height"))
    lenses = [
        tuple(float(c.attrib[each]) for each in ("cx", "cy", "r")) for c in picture.iter("circle")
    ]
    assert (left, top, x, y) == (0, 0, width - x - wide, height - y - high)
    assert min(x, y) > 0
    assert {across for across, _, _ in lenses} == {width / 2}
    assert lenses[0][1] - lenses[0][2] == height - lenses[-1][1] - lenses[-1][2]
    assert lenses[0][1] - lenses[0][2] > y
    assert all(b[1] - a[1] > a[2] + b[2] for a, b in pairwise(lenses))


def test_a_light_shines_from_its_lens() -> None:
    """Around the lens a glow and a halo, inside the picture, and a shine in its upper half."""
    shown = lamp("red, green")

    for layer in ("moving", "still"):
        for light, place in zip(drawn(shown, layer=layer), (60, 252), strict=True):
            halo, glow, lens = light.iter("circle")
            (shine,) = light.iter("ellipse")
            radii = [float(each.attrib["r"]) for each in (halo, glow, lens)]
            assert [float(each.attrib["cy"]) for each in (halo, glow, lens)] == [place] * 3
            assert 60 > radii[0] > radii[1] > radii[2] == 36
            assert place - 36 < float(shine.attrib["cy"]) - 10
            assert float(shine.attrib["cy"]) + 10 < place


@pytest.mark.parametrize("text", ["red, green 5s", "amber pulse", "off"])
def test_a_picture_holds_no_words(text: str) -> None:
    """The words stand beside it, and a stray one would be read aloud."""
    assert "".join(fromstring(lamp_svg(lamp(text), elapsed=1.0)).itertext()) == ""


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
    assert levels(drawn(lamp(dim(parse_pattern("red"), 0.2))), 0.0) == {Channel.RED: 0.2}
    assert levels(drawn(lamp(dim(parse_pattern("red"), 0.0))), 0.0) == {}


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


@pytest.mark.parametrize("light", [Light.WAITING, Light.LOST])
def test_a_lamp_without_its_light_is_struck_out(light: Light) -> None:
    """Nothing shines in a picture of a lamp whose light is missing."""
    there = lamp("green")
    picture = fromstring(lamp_svg(replace(there, light=light), elapsed=0.0))

    assert picture.get("class") == "lamp missing"
    assert [each.tag for each in picture if each.get("class") == "struck"] == ["path"]
    assert not any(len(each) for each in picture if each.get("class") in ("moving", "still"))
    assert "struck" not in lamp_svg(there, elapsed=0.0)


def test_the_icon_before_the_first_build_is_a_dash() -> None:
    """Nothing has passed yet, so it is not green."""
    circle, dash = fromstring(icon_svg(a_report(a_feed(known("a", Verdict.NONE)))))

    assert circle.get("fill") == "#b45309"
    assert dash.get("d") == "M10 16h12"


def test_the_icon_of_a_closed_office_is_a_dash() -> None:
    """What was broken when it closed is for tomorrow."""
    hours = Hours(frozenset(range(5)), time(13), time(18), UTC)
    report = a_report(a_feed(broken()), lamps=[a_lamp(hours=hours)])

    circle, dash = fromstring(icon_svg(report))

    assert circle.get("fill") == CLOSED
    assert dash.get("d") == "M10 16h12"


def test_the_icon_of_a_red_that_is_not_all_has_a_ring() -> None:
    """Broken and in doubt is a red with amber around it; one of both alone has no ring."""
    partly = a_report(a_feed(broken()), a_feed(known(), name="api", error=DOWN))

    icon = fromstring(icon_svg(partly))
    circle, ring, _ = icon

    assert icon.get("viewBox") == "0 0 32 32"
    assert circle.get("fill") == LIT[Channel.RED]
    assert (ring.get("stroke"), ring.get("fill")) == (LIT[Channel.AMBER], "none")
    assert float(ring.attrib["r"]) + float(ring.attrib["stroke-width"]) / 2 == 16
    for feed in (a_feed(broken()), a_feed(known(), error=DOWN), a_feed(known())):
        alone = fromstring(icon_svg(a_report(feed)))
        assert len(alone) == 2
        assert "".join(alone.itertext()) == ""


def test_the_icon_without_a_lamp_is_a_question() -> None:
    """No lamp is no good news."""
    assert icon_svg(replace(a_report(a_feed(known())), lamps=())) == icon_svg(None)


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
