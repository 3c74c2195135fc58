"""A plot of a few lines on logarithmic axes, as SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 360, 60, 40, 20, 40
COLOURS = ("#c0392b", "#2471a3")


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn, and its points."""

    name: str
    points: Sequence[tuple[float, float]]


def plot(*lines: Line) -> str:
    """Return a picture of *lines* over the number of feeds."""
    most = max(y for line in lines for _, y in line.points)
    least = max(min(y for line in lines for _, y in line.points), 0.01)
    ys = math.floor(math.log10(least)), math.ceil(math.log10(most))
    xs = 0, math.ceil(math.log10(max(x for line in lines for x, _ in line.points)))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - xs[0]) / (xs[1] - xs[0])
        up = (math.log10(max(y, 10.0 ** ys[0])) - ys[0]) / (ys[1] - ys[0])
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - BOTTOM - TOP),
        )

    def parts() -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
        )
        yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        for power in range(ys[0], ys[1] + 1):
            _, y = at(1, 10.0**power)
            yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
        for power in range(xs[0], xs[1] + 1):
            x, _ = at(10.0**power, 10.0 ** ys[0])
            yield f'<text x="{x:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{10**power:,}</text>'
        yield f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">feeds</text>'
        for line, colour in zip(lines, COLOURS, strict=False):
            places = [at(*point) for point in line.points]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
            # Lines that rise leave room above and to the left of a point, and below it.
            x, y = places[-1]
            named = f'x="{x - 8:.1f}" y="{y - 8:.1f}" text-anchor="end" fill="{colour}"'
            yield f"<text {named}>{line.name}</text>"
            for (x, y), (_, value) in zip(places, line.points, strict=True):
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                placed = f'x="{x + 3:.1f}" y="{y + 16:.1f}" fill="{colour}"'
                yield f"<text {placed}>{_short(value)}</text>"
        yield "</svg>"

    return "\n".join([*parts(), ""])


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
