"""Draws the manual's pictures from the program's own tables: `python docs/pictures.py` writes them.

lamp.svg is a lamp at work, in motion; it stands still where a reader prefers reduced motion.
rhythms.svg has a line for each signal: what a lamp shows during four seconds.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import fsum
from pathlib import Path
from xml.sax.saxutils import escape

from buildlight.patterns.pattern import Channel, Pattern, frame_at
from buildlight.patterns.presets import preset_patterns

HERE = Path(__file__).parent
PATTERNS = preset_patterns("colours", [Channel.RED, Channel.AMBER, Channel.GREEN])
COLOURS = {Channel.RED: "#ff4034", Channel.AMBER: "#ffb000", Channel.GREEN: "#30d158"}
STEP = 0.05
"""Seconds between two looks at a pattern; the rhythms have edges at multiples of it."""

STORY = (
    (3.0, "passing", "09:00", "Every build passes."),
    (4.0, "passing-building", "09:02", "The next build runs: the lamp is in motion."),
    (3.0, "broken", "09:05", "It has failed."),
    (4.0, "broken-building", "10:05", "A fix is being built. Broken stays broken until it passes."),
    (3.0, "passing", "10:13", "Fixed."),
    (4.0, "stale", "15:00", "The server is down. Unknown is not green."),
)
STILL = 3
"""The moment of the story that is shown without motion."""

WORDS = {"passing": "Passing", "broken": "Broken", "stale": "Unknown"}


def levels(pattern: Pattern, channel: Channel, seconds: float) -> Iterator[tuple[float, float]]:
    """Yield (second, level) of *channel* whenever its level changes within *seconds*."""
    before = None
    for number in range(round(seconds / STEP)):
        level = round(frame_at(pattern, number * STEP)[channel], 2)
        if level != before:
            yield number * STEP, level
            before = level


def keyframes(name: str, steps: list[tuple[float, float]], whole: float) -> str:
    """Return a CSS animation that sets the opacity at each of *steps* (second, opacity)."""
    frames = "".join(f"{second / whole:.3%}{{opacity:{level:g}}}" for second, level in steps)
    return f"@keyframes {name}{{{frames}}}"


def lamp() -> str:
    """Return the lamp at work."""
    whole = fsum(seconds for seconds, *_ in STORY)
    styles, shapes = [], []
    for place, (channel, colour) in enumerate(COLOURS.items()):
        steps, start = [], 0.0
        for seconds, signal, *_ in STORY:
            pattern = PATTERNS[signal]
            steps += [(start + at, level) for at, level in levels(pattern, channel, seconds)]
            start += seconds
        still = max(0.0, frame_at(PATTERNS[STORY[STILL][1]], 1.0)[channel])
        styles.append(keyframes(channel.value, steps, whole))
        y = 62 + 68 * place
        shapes.append(f'<circle cx="90" cy="{y}" r="27" fill="{colour}" opacity=".13"/>')
        shapes.append(
            f'<circle class="m" style="animation-name:{channel.value}" cx="90" cy="{y}" r="27" '
            f'fill="{colour}" opacity="{still:g}"/>'
        )
    start = 0.0
    for number, (seconds, signal, time, sentence) in enumerate(STORY):
        steps = [(0.0, 0.0), (start, 1.0)] if start else [(0.0, 1.0)]
        steps.append((start + seconds, 0.0))
        styles.append(keyframes(f"t{number}", steps, whole))
        word = WORDS[signal.removesuffix("-building")]
        shapes.append(
            f'<g class="m" style="animation-name:t{number}" opacity="{int(number == STILL)}">'
            f'<text x="190" y="92" class="w">{word}</text>'
            f'<text x="190" y="140" class="s">{time}</text>'
            f'<text x="190" y="172" class="s">{escape(sentence)}</text></g>'
        )
        start += seconds
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 260" role="img" '
        'aria-label="A lamp at work: green, red, red while a fix is built, amber while a server is '
        'down"><style>text{fill:#e8eaed;font-family:system-ui,sans-serif}.w{font-size:44px;'
        "font-weight:600}.s{font-size:21px;fill:#b8bdc4}"
        f".m{{animation:{whole:g}s step-end infinite}}"
        f"@media(prefers-reduced-motion:reduce){{.m{{animation:none}}}}{''.join(styles)}</style>"
        '<rect width="760" height="260" rx="18" fill="#16181c"/>'
        '<rect x="46" y="20" width="88" height="220" rx="44" fill="#24272d"/>'
        f"{''.join(shapes)}</svg>\n"
    )


def rhythms() -> str:
    """Return a line for each signal: what a lamp shows during four seconds."""
    seconds, left, width = 4.0, 400, 480
    rows, y = [], 34
    for signal, pattern in PATTERNS.items():
        rows.append(f'<text x="12" y="{y + 15}">{signal}</text>')
        rows.append(f'<text x="180" y="{y + 15}" class="p">{escape(pattern.text)}</text>')
        rows.append(f'<rect x="{left}" y="{y}" width="{width}" height="20" fill="#24272d"/>')
        lit = [channel for channel in COLOURS if any(s.channel is channel for s in pattern.strokes)]
        for place, channel in enumerate(lit):
            steps = [*levels(pattern, channel, seconds), (seconds, 0.0)]
            high = 20 / len(lit)
            for (at, level), (until, _) in pairwise(steps):
                if level:
                    rows.append(
                        f'<rect x="{left + width * at / seconds:g}" y="{y + place * high:g}" '
                        f'width="{width * (until - at) / seconds:g}" height="{high:g}" '
                        f'fill="{COLOURS[channel]}" opacity="{level:g}"/>'
                    )
        y += 30
    marks = "".join(
        f'<text x="{left + width * second / seconds:g}" y="22" class="p">{second:g} s</text>'
        for second in range(int(seconds) + 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 {y + 8}" role="img" '
        'aria-label="What each signal shows during four seconds"><style>text{fill:#e8eaed;'
        "font:15px system-ui,sans-serif}.p{fill:#b8bdc4;font-size:13px}</style>"
        f'<rect width="920" height="{y + 8}" rx="12" fill="#16181c"/>{marks}{"".join(rows)}</svg>\n'
    )


PICTURES = {"lamp.svg": lamp, "rhythms.svg": rhythms}


def main() -> None:
    """Write every picture."""
    for name, draw in PICTURES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
