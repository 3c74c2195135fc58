"""Which channels a pattern lights together."""

import pytest

from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import OFF, frame_at, limit_duration
from buildlight.patterns.presets import PRESETS
from buildlight.patterns.together import laid_over, lit_sets


def spelt(text: str) -> set[str]:
    """Return the sets of the pattern *text*, each in words."""
    return {"+".join(sorted(each.value for each in lit)) for lit in lit_sets(parse_pattern(text))}


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("off", {""}),
        ("red", {"red"}),
        ("red blink", {"red", ""}),
        ("red, amber double-blink", {"red", "amber+red"}),
        ("red blink, green blink", {"green+red", ""}),
        ("red blink, green wink", {"green+red", "green", "red", ""}),
        ("red, buzzer 2s", {"red", "buzzer+red"}),
    ],
)
def test_a_pattern_lights_these_together(text: str, sets: set[str]) -> None:
    """What moves in one rhythm moves together, all else meets sooner or later."""
    assert spelt(text) == sets


@pytest.mark.parametrize(
    "text", sorted({*PRESETS["colours"].values(), *PRESETS["rhythm"].values()})
)
def test_no_moment_is_left_out(text: str) -> None:
    """Whatever a preset shows within a minute is foreseen."""
    pattern = parse_pattern(text)

    shown = {frame_at(pattern, step / 100).lit for step in range(6000)}

    assert shown <= lit_sets(pattern)


def test_what_is_played_over_a_pattern_meets_it() -> None:
    """The channels of an event hide what was lit of the same, and leave the others."""
    beneath = lit_sets(parse_pattern("red, amber double-blink"))
    over = limit_duration(parse_pattern("red blink, buzzer 1s"))

    sets = laid_over(beneath, over)

    told = {"+".join(sorted(each.value for each in lit)) for lit in sets}
    assert {"", "red", "buzzer", "amber", "amber+red", "amber+buzzer+red"} <= told
    assert laid_over(beneath, OFF) == beneath
