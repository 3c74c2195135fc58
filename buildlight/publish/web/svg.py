"""A lamp as an animated picture: SVG without a script. Pure.

Every picture also contains a still one, for people who prefer reduced motion; the style sheet
chooses.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from buildlight.patterns.pattern import STEADY, Channel, Pattern, Rhythm, Stroke
from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Verdict
from buildlight.report.report import LampReport, Report
from buildlight.report.shown import Light

LENSES = (Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BLUE, Channel.WHITE)
"""Colours from the top of a lamp to its foot."""

WIDTH, PITCH, RADIUS = 120, 96, 36
"""Width of a lamp, from lens to lens, and half of a lens."""

LIT = {
    Channel.RED: "#e5231b",
    Channel.AMBER: "#ffb000",
    Channel.GREEN: "#16a34a",
    Channel.BLUE: "#2563eb",
    Channel.WHITE: "#e5e7eb",
}
UNKNOWN = "#8a8f98"
CLOSED = "#4b5563"


def lamp_svg(lamp: LampReport, *, elapsed: float) -> str:
    """Return a picture of *lamp*; its pattern began *elapsed* seconds ago.

    A lamp whose light is missing is struck out, and shines in no colour.
    """
    lenses = [each for each in LENSES if each in lamp.channels] or [Channel.WHITE]
    height = PITCH * len(lenses) + 24
    places = {channel: 60 + PITCH * number for number, channel in enumerate(lenses)}
    sockets = "".join(
        f'<circle class="{channel.value}" cx="60" cy="{y}" r="{RADIUS}"/>'
        for channel, y in places.items()
    )
    there = lamp.light is Light.OK
    moving, still = _lights(lamp.pattern, places, elapsed) if there else ("", "")
    struck = (
        ""
        if there
        else f'<path class="struck" d="M10 {height - 10} 110 10M10 10 110 {height - 10}"/>'
    )
    return (
        f'<svg class="{"lamp" if there else "lamp missing"}" viewBox="0 0 {WIDTH} {height}" '
        'aria-hidden="true">'
        f'<rect class="case" x="4" y="4" width="112" height="{height - 8}" rx="30"/>'
        f'<g class="socket">{sockets}</g>'
        f'<g class="moving">{moving}</g><g class="still">{still}</g>{struck}</svg>'
    )


def _lights(pattern: Pattern, places: Mapping[Channel, int], elapsed: float) -> tuple[str, str]:
    moving, still = "", ""
    for stroke in pattern.strokes:
        left = None if stroke.lasts is None else stroke.lasts - elapsed
        if stroke.channel not in places or (left is not None and left <= 0):
            continue
        y, name = places[stroke.channel], stroke.channel.value
        light = (
            f'<circle class="halo" cx="60" cy="{y}" r="{RADIUS + 17}"/>'
            f'<circle class="glow" cx="60" cy="{y}" r="{RADIUS + 8}"/>'
            f'<circle cx="60" cy="{y}" r="{RADIUS}"/>'
            f'<ellipse class="shine" cx="60" cy="{y - 16}" rx="18" ry="10"/>'
        )
        lit = f'<g class="{name}" opacity="{stroke.level:g}">'
        moving += f"{lit}{_motion(stroke, left)}{light}</g>"
        still += f"{lit}{light}</g>"
    return moving, still


def _motion(stroke: Stroke, left: float | None) -> str:
    """Return the animation of *stroke* for the *left* seconds."""
    end = "" if left is None else _from_then_on(0.0, left)
    if stroke.rhythm == STEADY:
        return end
    seconds, values, times = _steps(stroke.rhythm, stroke.level)
    how_long = 'repeatCount="indefinite"' if left is None else f'repeatDur="{left:.3g}s"'
    return (
        f'<animate attributeName="opacity" calcMode="discrete" dur="{seconds:g}s" '
        f'values="{values}" keyTimes="{times}" {how_long}/>{end}'
    )


def _from_then_on(level: float, begin: float) -> str:
    return f'<set attributeName="opacity" to="{level:g}" begin="{begin:.3g}s" fill="freeze"/>'


def _steps(rhythm: Rhythm, level: float) -> tuple[float, str, str]:
    """Return a rhythm's seconds, its levels, and when each begins, from 0 to 1."""
    seconds = sum(duration for duration, _ in rhythm)
    begins = accumulate((duration for duration, _ in rhythm[:-1]), initial=0.0)
    values = ";".join(f"{level * share:.3g}" for _, share in rhythm)
    return seconds, values, ";".join(f"{begin / seconds:.4g}" for begin in begins)


def worst_lamp(lamps: Sequence[LampReport]) -> LampReport | None:
    """Return the lamp with the worst signal, the first of several.

    One whose office is closed only if there is no other.
    """
    ranks = [*RANKS]
    return min(lamps, key=lambda lamp: (lamp.closed, ranks.index(lamp.signal)), default=None)


# Shapes as well as colours, for eyes that do not distinguish red from green.
_CROSS = "M11 11 21 21M21 11 11 21"
_TICK = "M9.5 16.5 14 21 22.5 11.5"
_QUESTION = "M12.5 12.5a3.6 3.6 0 1 1 5.2 3.2c-1.3.7-1.7 1.2-1.7 2.6M16 22v.4"
_DASH = "M10 16h12"


def icon_svg(report: Report | None) -> str:
    """Return the worst lamp of *report* as an icon of 32 by 32."""
    lamp = worst_lamp(report.lamps) if report else None
    colour, shape = UNKNOWN, _QUESTION
    if lamp is not None:
        colour, shape = _icon(lamp)
    ring = ""
    if (
        lamp is not None
        and not lamp.closed
        and lamp.signal.stale
        and lamp.signal.verdict is Verdict.BROKEN
    ):
        ring = f'<circle cx="16" cy="16" r="14.5" fill="none" stroke="{LIT[Channel.AMBER]}"'
        ring += ' stroke-width="3"/>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<circle cx="16" cy="16" r="15" fill="{colour}"/>{ring}<path d="{shape}" fill="none" '
        'stroke="#fff" stroke-width="3.2" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def _icon(lamp: LampReport) -> tuple[str, str]:
    signal = lamp.signal
    if lamp.closed:
        return CLOSED, _DASH
    if signal.verdict is Verdict.BROKEN:
        return LIT[Channel.RED], _CROSS
    if signal.stale:
        return "#b45309", _QUESTION
    if signal.verdict is Verdict.PASSING:
        return LIT[Channel.GREEN], _TICK
    return "#b45309", _DASH
