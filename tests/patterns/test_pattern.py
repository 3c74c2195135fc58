"""The pattern language, what is seen of it, and what every light makes of it."""

import math
from collections.abc import Iterable
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from buildlight.errors import ConfigError
from buildlight.patterns.fitting import fit
from buildlight.patterns.flashing import flashes, stop_flashing
from buildlight.patterns.language import ALIASES, LONGEST, parse_pattern
from buildlight.patterns.pattern import (
    DARK,
    LONGEST_EVENT,
    OFF,
    PULSE,
    RHYTHMS,
    SLOW_BLINK,
    STEADY,
    Channel,
    Frame,
    Pattern,
    Rhythm,
    Stroke,
    cheers,
    colours_of,
    dim,
    duration_of,
    frame_at,
    lay_over,
    limit_duration,
    next_change,
)
from buildlight.patterns.presets import COLOURS, PRESETS, RHYTHM, preset_patterns
from buildlight.projects.signal import RANKS

RED, AMBER, GREEN = Channel.RED, Channel.AMBER, Channel.GREEN
BLUE, WHITE, BUZZER = Channel.BLUE, Channel.WHITE, Channel.BUZZER

LIGHTS: dict[str, frozenset[Channel]] = {
    "traffic light": frozenset({RED, AMBER, GREEN}),
    "two LEDs": frozenset({RED, GREEN}),
    "tower": frozenset({RED, AMBER, GREEN, BUZZER}),
    "RGB": frozenset({RED, AMBER, GREEN, BLUE, WHITE}),
}


def frames(pattern: Pattern, *, until: float = 12.0) -> list[Frame]:
    """Return what is seen of *pattern*, a hundred times a second."""
    return [frame_at(pattern, step / 100) for step in range(int(until * 100))]


def rises(levels: Iterable[float]) -> list[int]:
    """Return the hundredths of a second at which *levels* begin to rise."""
    onsets = []
    before, rising = 0.0, False
    for step, level in enumerate(levels):
        if level > before and not rising:
            onsets.append(step)
        rising = level > before or (rising and level == before)
        before = level
    return onsets


def most_in_a_second(onsets: list[int]) -> int:
    """Return how many of *onsets* fall into one second at most."""
    return max((sum(first <= each < first + 100 for each in onsets) for first in onsets), default=0)


def shows_green_alone(pattern: Pattern) -> bool:
    """Return whether *pattern* ever looks like a passing build."""
    return any(frame.lit - {BUZZER} == {GREEN} for frame in frames(pattern))


# Frames.


def test_frames_that_look_alike_are_equal() -> None:
    """A light is written to only when something is seen to change."""
    assert Frame.of({GREEN: 0.5, AMBER: 1.0, RED: 0.0}) == Frame.of({AMBER: 1.0, GREEN: 0.5})
    assert Frame.of({GREEN: 0.5}).levels == ((GREEN, 0.5),)


def test_a_frame_tells_the_level_of_every_channel() -> None:
    """A channel that is not lit is dark."""
    frame = Frame.of({GREEN: 0.5, BUZZER: 1.0, RED: 0.0})

    assert (frame[GREEN], frame[BUZZER], frame[RED]) == (0.5, 1.0, 0.0)
    assert frame.lit == {GREEN, BUZZER}


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (DARK, "off"),
        (Frame.of({RED: 1.0}), "red"),
        (Frame.of({RED: 1.0, GREEN: 0.333}), "green 33%, red"),
    ],
)
def test_a_frame_is_written_as_it_is_spoken(frame: Frame, text: str) -> None:
    """The simulated lamp says what it shows."""
    assert str(frame) == text


def test_darkness_has_no_levels() -> None:
    """Off is off on every channel."""
    assert Frame.of({}) == DARK
    assert DARK.lit == frozenset()


# The language.


@pytest.mark.parametrize(
    ("text", "strokes"),
    [
        ("red", (Stroke(RED),)),
        ("  RED  ", (Stroke(RED),)),
        ("yellow", (Stroke(AMBER),)),
        ("orange pulse", (Stroke(AMBER, rhythm=PULSE),)),
        ("buzzer", (Stroke(BUZZER),)),
        ("blue, white", (Stroke(BLUE), Stroke(WHITE))),
        ("green Pulse", (Stroke(GREEN, rhythm=PULSE),)),
        ("red on", (Stroke(RED, rhythm=STEADY),)),
        ("red, buzzer 2s", (Stroke(RED), Stroke(BUZZER, lasts=2.0))),
        ("red 1.5s 30% blink", (Stroke(RED, 0.3, RHYTHMS["blink"], 1.5),)),
        ("red blink 1% 0.1s", (Stroke(RED, 0.01, RHYTHMS["blink"], 0.1),)),
        ("red 100% 86400s", (Stroke(RED, 1.0, lasts=86_400.0),)),
        ("red,amber double-blink", (Stroke(RED), Stroke(AMBER, rhythm=RHYTHMS["double-blink"]))),
    ],
)
def test_a_pattern_is_read_as_it_is_spoken(text: str, strokes: tuple[Stroke, ...]) -> None:
    """`patterns = { broken = "red, buzzer 2s" }` is understood."""
    assert parse_pattern(text).strokes == strokes


@pytest.mark.parametrize("name", ["red", "amber", "green", "blue", "white", "buzzer"])
def test_every_channel_has_its_name(name: str) -> None:
    """A lamp has these colours and a buzzer."""
    assert parse_pattern(name) == Pattern(name, (Stroke(Channel(name)),))


@pytest.mark.parametrize("name", RHYTHMS)
def test_every_rhythm_has_its_name(name: str) -> None:
    """`buildlight` shows each rhythm by its name."""
    assert parse_pattern(f"blue {name}").strokes == (Stroke(BLUE, rhythm=RHYTHMS[name]),)


def test_the_words_of_the_language_are_these_and_no_others() -> None:
    """A word that is new in the language has to be argued for here."""
    assert " ".join(RHYTHMS) == (
        "on blink quick-blink double-blink triple-blink quadruple-blink wink dip pulse"
    )
    assert dict(ALIASES) == {"yellow": AMBER, "orange": AMBER}
    assert LONGEST == 86_400.0


@pytest.mark.parametrize("text", ["off", " OFF ", "Off"])
def test_off_is_a_pattern(text: str) -> None:
    """Whoever wants darkness for a signal writes `off`."""
    assert parse_pattern(text) is OFF
    assert Pattern("off", ()) == OFF


def test_a_pattern_keeps_its_text() -> None:
    """The report shows a pattern as it was written, on one line."""
    assert parse_pattern(" red ,\n buzzer  2s ").text == "red , buzzer 2s"


CHANNELS_ARE = "channels are red, amber, green, blue, white, buzzer"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", f"character 1: a channel is missing; {CHANNELS_ARE}"),
        ("  ", f"character 1: a channel is missing; {CHANNELS_ARE}"),
        ("red, ", f"character 5: a channel is missing; {CHANNELS_ARE}"),
        ("red,,amber", f"character 5: a channel is missing; {CHANNELS_ARE}"),
        (", red", f"character 1: a channel is missing; {CHANNELS_ARE}"),
        ("pink", "character 1: no "),
        ("red, pink blink", "character 6: no "),
        ("red, amber, pink", "character 13: no "),
        ("off, red", "character 1: no "),
        ("blink red", "character 1: no "),
        ("red blonk", "character 5: "),
        ("red, amber blonk", "character 12: "),
        ("red blink green", "character 11: "),
        ("red 0%", "character 5: "),
        ("red 101%", "character 5: "),
        ("red -5%", "character 5: "),
        ("red 1000%", "character 5: "),
        ("red 0s", "character 5: "),
        ("red 0.0s", "character 5: "),
        ("red 86401s", "character 5: "),
        ("red .5s", "character 5: "),
        ("red " + "9" * 1_000 + "s", "character 5: "),
        ("red " + "9" * 1_000 + "%", "character 5: "),
        ("red 2", "character 5: "),
        ("red ٣0%", "character 5: "),
        ("red blink pulse", "character 11: a second rhythm for the same channel"),
        ("amber, red 30% 50%", "character 16: a second level for the same channel"),
        ("red 2s blink 2s", "character 14: a second duration for the same channel"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, mistake: str) -> None:
    """Whoever mistypes a pattern reads at which character, and which words there are."""
    with pytest.raises(ConfigError) as caught:
        parse_pattern(text)

    assert str(caught.value).startswith(mistake)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("word", ["blonk", "0%", "0s"])
def test_a_mistake_names_the_words_there_are(word: str) -> None:
    """The remedy is in the sentence."""
    with pytest.raises(ConfigError) as caught:
        parse_pattern(f"red {word}")

    known = f"neither a rhythm ({', '.join(RHYTHMS)}), nor a level from 1% to 100%"
    assert f"{known}, nor a duration such as 2s" in str(caught.value)


def test_an_unknown_channel_names_the_channels_there_are() -> None:
    """The remedy is in the sentence."""
    with pytest.raises(ConfigError) as caught:
        parse_pattern("pink")

    assert str(caught.value) == f"character 1: no such channel; {CHANNELS_ARE}"


@given(st.one_of(st.text(), st.text("red amber,30%s.blink-pulse")))
def test_any_text_is_a_pattern_or_a_mistake(text: str) -> None:
    """No pattern in a configuration is answered with a traceback."""
    try:
        pattern = parse_pattern(text)
    except ConfigError:
        return

    assert all(0 < stroke.level <= 1 for stroke in pattern.strokes)


# What is seen.


@pytest.mark.parametrize(
    ("rhythm", "steps"),
    [
        ("on", ((1.0, 1.0),)),
        ("blink", ((0.5, 1.0), (0.5, 0.0))),
        ("quick-blink", ((0.2, 1.0), (0.2, 0.0))),
        ("double-blink", ((0.2, 1.0), (0.2, 0.0), (0.2, 1.0), (1.4, 0.0))),
        ("triple-blink", ((0.2, 1.0), (0.2, 0.0)) * 2 + ((0.2, 1.0), (1.4, 0.0))),
        ("quadruple-blink", ((0.2, 1.0), (0.2, 0.0)) * 3 + ((0.2, 1.0), (1.4, 0.0))),
        ("wink", ((0.2, 1.0), (2.8, 0.0))),
        ("dip", ((2.8, 1.0), (0.2, 0.0))),
    ],
)
def test_rhythms_are_these_steps(rhythm: str, steps: Rhythm) -> None:
    """Each rhythm is what its name says, in seconds."""
    assert RHYTHMS[rhythm] == steps


@pytest.mark.parametrize("name", sorted(RHYTHMS.keys() - {"on", "pulse"}))
def test_what_flashes_is_lit_and_dark_by_turns(name: str) -> None:
    """So that each of its lit steps is one flash, which is how flashes are counted."""
    levels = [level for _, level in RHYTHMS[name]]

    assert levels == [1.0, 0.0] * (len(levels) // 2)


def test_a_pulse_breathes_in_two_seconds() -> None:
    """A pulse swells to full light and back to a glimmer, without steps that are seen."""
    levels = [level for _, level in PULSE]

    assert sum(duration for duration, _ in PULSE) == pytest.approx(2.0)
    assert all(duration == pytest.approx(0.05) for duration, _ in PULSE)
    assert (min(levels), max(levels), levels[19], levels[9]) == (0.05, 1.0, 1.0, 0.525)
    assert levels[:20] == sorted(levels[:20])
    assert levels[19:] == sorted(levels[19:], reverse=True)
    assert RHYTHMS["pulse"] is PULSE


@pytest.mark.parametrize(
    ("text", "seconds", "frame"),
    [
        ("red", 0.0, "red"),
        ("red", 1e9, "red"),
        ("red 30%", 5.0, "red 30%"),
        ("red blink", 0.0, "red"),
        ("red blink", 0.49, "red"),
        ("red blink", 0.5, "off"),
        ("red blink", 0.99, "off"),
        ("red blink", 1.0, "red"),
        ("red blink 50%", 7.25, "red 50%"),
        ("red, buzzer 2s", 0.0, "buzzer, red"),
        ("red, buzzer 2s", 1.99, "buzzer, red"),
        ("red, buzzer 2s", 2.0, "red"),
        ("red, amber double-blink", 0.1, "amber, red"),
        ("red, amber double-blink", 0.3, "red"),
        ("red, amber double-blink", 0.5, "amber, red"),
        ("red, amber double-blink", 0.7, "red"),
        ("red 30%, red blink", 0.1, "red"),
        ("red 30%, red blink", 0.6, "red 30%"),
        ("red blink, red 30%", 0.1, "red"),
        ("off", 3.0, "off"),
    ],
)
def test_what_a_pattern_shows(text: str, seconds: float, frame: str) -> None:
    """Strokes are played together, and the brighter wins where they share a channel."""
    assert str(frame_at(parse_pattern(text), seconds)) == frame


def test_a_crumb_of_a_second_is_no_gap() -> None:
    """The sum of a rhythm's steps is rounded: what is left over belongs to the next round."""
    almost_two = math.nextafter(2.0, 0.0)
    pattern = parse_pattern("red double-blink")

    assert frame_at(pattern, almost_two) == Frame.of({RED: 1.0})
    assert next_change(pattern, almost_two) == 0.2


@pytest.mark.parametrize(
    ("text", "seconds", "wait"),
    [
        ("off", 0.0, None),
        ("red", 0.0, None),
        ("red 30%, green", 7.0, None),
        ("red blink", 0.0, 0.5),
        ("red blink", 0.125, 0.375),
        ("red blink", 0.75, 0.25),
        ("red, buzzer 2s", 0.5, 1.5),
        ("red, buzzer 2s", 2.0, None),
        ("red, buzzer 2s", 3.0, None),
        ("red blink 2s", 1.75, 0.25),
        ("red blink 0.25s", 0.125, 0.125),
        ("red blink 2s", 2.5, None),
        ("red wink, amber blink", 0.25, 0.25),
        ("red wink, amber blink", 2.75, 0.25),
    ],
)
def test_when_the_next_change_is_due(text: str, seconds: float, wait: float | None) -> None:
    """A lamp that does not move does not wake the processor."""
    assert next_change(parse_pattern(text), seconds) == pytest.approx(wait)


@given(
    text=st.sampled_from([*COLOURS.values(), *RHYTHM.values(), "red, buzzer 2s", "red wink 1s"]),
    seconds=st.floats(0, 100_000),
)
def test_nothing_changes_before_it_is_due(text: str, seconds: float) -> None:
    """A lamp may sleep until the next change without missing one."""
    pattern = parse_pattern(text)

    wait = next_change(pattern, seconds)

    assert wait is None or 0 < wait <= 3.0
    assume(wait is None or wait > 1e-6)  # a crumb, see above
    for share in (0.25, 0.5, 0.99):
        assert frame_at(pattern, seconds + share * (wait or 10.0)) == frame_at(pattern, seconds)


# Nobody is hurt.


@pytest.mark.parametrize("rhythm", [*RHYTHMS.values(), SLOW_BLINK])
def test_no_rhythm_flashes_more_than_three_times_a_second(rhythm: Rhythm) -> None:
    """No lamp can set off a seizure (WCAG 2.3.1)."""
    seen = frames(Pattern("", (Stroke(RED, rhythm=rhythm),)))

    assert most_in_a_second(rises(frame[RED] for frame in seen)) <= 3


@pytest.mark.parametrize("dims", [True, False])
@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS.keys())
@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_flashes_more_than_three_times_a_second(
    preset: str,
    light: frozenset[Channel],
    dims: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """No signal sets off a seizure, on any light, its colours taken apart or together."""
    for pattern in preset_patterns(preset, light).values():
        seen = frames(fit(pattern, light, dims=dims))

        assert most_in_a_second(rises(sum(frame[c] for c in light) for frame in seen)) <= 3
        for channel in light:
            assert most_in_a_second(rises(frame[channel] for frame in seen)) <= 3


def test_the_count_of_flashes_is_right() -> None:
    """What the tests above rely on: four flashes in a second are counted as four."""
    four = Pattern("", (Stroke(RED, rhythm=((0.1, 1.0), (0.15, 0.0))),))

    assert most_in_a_second(rises(frame[RED] for frame in frames(four))) == 4


# The signals.


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        ("broken", "red"),
        ("broken-building", "red pulse"),
        ("broken-stale", "red, amber double-blink"),
        ("broken-building-stale", "red pulse, amber double-blink"),
        ("stale", "amber double-blink"),
        ("passing", "green"),
        ("passing-building", "green pulse"),
        ("none", "amber"),
        ("none-building", "amber pulse"),
    ],
)
def test_every_signal_has_its_colours(signal: str, text: str) -> None:
    """Colour tells the verdict, motion the activity."""
    assert COLOURS[signal] == text


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        ("broken", "red blink"),
        ("broken-building", "red quick-blink"),
        ("broken-stale", "red triple-blink"),
        ("broken-building-stale", "red quadruple-blink"),
        ("stale", "amber double-blink"),
        ("passing", "green"),
        ("passing-building", "green pulse"),
        ("none", "amber wink"),
        ("none-building", "amber dip"),
    ],
)
def test_every_signal_has_its_rhythm(signal: str, text: str) -> None:
    """With `preset = "rhythm"`, motion tells everything."""
    assert RHYTHM[signal] == text


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_a_preset_has_a_pattern_for_every_signal(preset: dict[str, str]) -> None:
    """No signal finds a lamp without words."""
    assert preset.keys() == set(RANKS.values())


def test_the_presets_are_these() -> None:
    """`preset` is `colours` or `rhythm`."""
    assert dict(PRESETS) == {"colours": COLOURS, "rhythm": RHYTHM}


@pytest.mark.parametrize("dims", [True, False])
@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS.keys())
@pytest.mark.parametrize("preset", PRESETS)
def test_only_passing_signals_ever_show_green_alone(
    preset: str,
    light: frozenset[Channel],
    dims: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """Not even for the blink of an eye does a lamp look green that has no right to."""
    patterns = preset_patterns(preset, light)

    green = {
        signal
        for signal, pattern in patterns.items()
        if shows_green_alone(fit(pattern, light, dims=dims))
    }

    assert green == {"passing", "passing-building"}


@pytest.mark.parametrize("relay", [True, False])
@pytest.mark.parametrize("dims", [True, False])
@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS.keys())
@pytest.mark.parametrize("preset", PRESETS)
def test_every_signal_looks_different(
    preset: str,
    light: frozenset[Channel],
    dims: bool,  # noqa: FBT001 - a row of the table
    relay: bool,  # noqa: FBT001
) -> None:
    """On a light with two colours or more, no two signals are mistaken for each other."""
    patterns = preset_patterns(preset, light)

    looks = {
        tuple(frames(fit(pattern, light, dims=dims, relay=relay), until=10.0))
        for pattern in patterns.values()
    }

    assert len(looks) == 9


@pytest.mark.parametrize("only", [RED, GREEN, WHITE])
@pytest.mark.parametrize("relay", [True, False])
def test_one_led_tells_every_signal_by_its_rhythm(only: Channel, *, relay: bool) -> None:
    """On a single LED or lamp that is on or off, nine signals have nine sets of lengths."""
    patterns = preset_patterns("rhythm", {only, BUZZER})

    fitted = {name: fit(each, {only}, dims=False, relay=relay) for name, each in patterns.items()}
    steps = {name: sorted(pattern.strokes[0].rhythm) for name, pattern in fitted.items()}

    assert all(len(pattern.strokes) == 1 for pattern in fitted.values())
    assert all(pattern.strokes[0].channel is only for pattern in fitted.values())
    assert all(level in (0.0, 1.0) for lengths in steps.values() for _, level in lengths)
    assert len({tuple(lengths) for lengths in steps.values()}) == 9


# Lights.


@pytest.mark.parametrize(
    ("text", "channels", "expected"),
    [
        ("red", {RED, GREEN}, "red"),
        ("amber", {RED, AMBER, GREEN}, "amber"),
        ("amber", {RED, GREEN}, "red, green"),
        ("amber", {RED, GREEN, BLUE, BUZZER}, "red, green"),
        ("amber 30% blink 2s", {RED, GREEN}, "red 30% blink 2s, green 30% blink 2s"),
        ("amber", {WHITE}, "white"),
        ("amber wink", {BLUE, BUZZER}, "blue wink"),
        ("amber", {BUZZER}, "off"),
        ("amber", {BLUE, WHITE}, "off"),
        ("amber", {RED, BLUE}, "off"),
        ("amber", {GREEN, BLUE}, "off"),
        ("green", {RED}, "off"),
        ("red, buzzer 2s", {RED, GREEN}, "red"),
        ("red, buzzer 2s", {RED, BUZZER}, "red, buzzer 2s"),
        ("buzzer", {RED, GREEN}, "off"),
        ("off", {RED}, "off"),
    ],
)
def test_a_light_shows_what_it_has(text: str, channels: set[Channel], expected: str) -> None:
    """Amber is mixed or replaced, what a light has not got is left out."""
    fitted = fit(parse_pattern(text), channels, dims=True)

    assert fitted.strokes == parse_pattern(expected).strokes
    assert fitted.text == text


@pytest.mark.parametrize(
    ("dims", "rhythm", "expected"),
    [
        (True, "pulse", PULSE),
        (False, "pulse", ((1.0, 1.0), (1.0, 0.0))),
        (True, "blink", RHYTHMS["blink"]),
        (False, "blink", RHYTHMS["blink"]),
        (False, "on", STEADY),
    ],
)
def test_a_pulse_blinks_slowly_where_nothing_can_be_dimmed(
    dims: bool,  # noqa: FBT001 - a row of the table
    rhythm: str,
    expected: Rhythm,
) -> None:
    """A relay is not asked to breathe."""
    fitted = fit(parse_pattern(f"red {rhythm} 50%"), {RED}, dims=dims)

    assert fitted.strokes == (Stroke(RED, 0.5, expected),)


def test_a_buzzer_is_no_colour() -> None:
    """A lamp of one LED and a buzzer has one colour."""
    assert colours_of([RED, BUZZER]) == {RED}
    assert colours_of([BUZZER]) == frozenset()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_stays_as_it_is_on_two_colours(preset: str) -> None:
    """Colours are told apart as long as there are two."""
    patterns = preset_patterns(preset, {RED, GREEN})

    assert patterns == {name: parse_pattern(text) for name, text in PRESETS[preset].items()}


def test_a_preset_takes_the_only_colour_there_is() -> None:
    """A single white LED shows green's rhythm in white."""
    patterns = preset_patterns("rhythm", {WHITE, BUZZER})

    assert {stroke.channel for pattern in patterns.values() for stroke in pattern.strokes} == {
        WHITE
    }
    assert patterns["broken"] == Pattern("red blink", (Stroke(WHITE, rhythm=RHYTHMS["blink"]),))


def test_a_preset_without_any_colour_shows_nothing() -> None:
    """A buzzer alone is no lamp; the configuration is told so elsewhere."""
    patterns = preset_patterns("rhythm", {BUZZER})

    assert all(pattern.strokes == () for pattern in patterns.values())


@pytest.mark.parametrize(
    "text",
    ["red quick-blink, amber blink", "red dip, amber blink, green quick-blink"],
)
def test_rhythms_that_flash_too_fast_together_are_refused(text: str) -> None:
    """Each alone is gentle; side by side they could hurt somebody."""
    with pytest.raises(ConfigError, match="more than 3 times a second"):
        parse_pattern(text)


def test_who_is_refused_a_pattern_is_told_what_to_do() -> None:
    """A sentence that says why, and the remedy."""
    with pytest.raises(ConfigError) as caught:
        parse_pattern("red blink, green triple-blink")

    assert str(caught.value) == (
        "flashes more than 3 times a second, which can hurt people; use fewer rhythms at once"
    )


@pytest.mark.parametrize(
    "text",
    [
        "red blink, amber blink",
        "red triple-blink, green quick-blink",
        "red quick-blink, green pulse",
        "red quick-blink, buzzer blink",
    ],
)
def test_rhythms_that_are_gentle_together_are_played(text: str) -> None:
    """What lights up at the same moment is one flash; a breath is none, nor a sound."""
    assert parse_pattern(text).text == text


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_a_relay_is_never_switched_faster_than_once_a_second(rhythm: str) -> None:
    """A mechanical relay clicks, and wears out: it stays half a second as it is at the least."""
    fitted = fit(parse_pattern(f"red {rhythm}"), {Channel.RED}, dims=True, relay=True)

    (stroke,) = fitted.strokes
    assert all(seconds >= 0.5 for seconds, _ in stroke.rhythm)
    assert {level for _, level in stroke.rhythm} <= {0.0, 1.0}


def test_a_relay_plays_the_fastest_rhythm_once_a_second() -> None:
    """As fast as its contacts can bear, and no slower; the others are stretched as much."""
    fast, slow = (
        fit(parse_pattern(f"red {rhythm}"), {Channel.RED}, dims=False, relay=True).strokes[0].rhythm
        for rhythm in ("quick-blink", "wink")
    )

    assert fast == ((0.5, 1.0), (0.5, 0.0))
    assert slow == ((0.5, 1.0), (7.0, 0.0))


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS.keys())
@pytest.mark.parametrize("preset", PRESETS)
def test_no_signal_hurries_a_relay(preset: str, light: frozenset[Channel]) -> None:
    """Not even where amber is red and green together, and red has a rhythm of its own."""
    for pattern in preset_patterns(preset, light).values():
        fitted = fit(pattern, light, dims=False, relay=True)

        seen = frames(fitted, until=10.0)
        for channel in light:
            assert clicks_in_a_second([frame[channel] > 0 for frame in seen]) <= 2


def clicks_in_a_second(lit: list[bool]) -> int:
    """Return how often a relay is switched within one second, at most."""
    return most_in_a_second([at for at in range(1, len(lit)) if lit[at] is not lit[at - 1]])


@pytest.mark.parametrize("rhythms", [*combinations(RHYTHMS, 2)], ids=" and ".join)
def test_no_two_rhythms_together_hurry_a_relay(rhythms: tuple[str, str]) -> None:
    """Each alone is slow enough; what counts is what they make of one relay together."""
    strokes = tuple(Stroke(RED, rhythm=RHYTHMS[each]) for each in rhythms)
    gentle = not too_fast(f"red {rhythms[0]}, red {rhythms[1]}")

    seen = frames(fit(Pattern("", strokes), {RED}, dims=False, relay=True), until=60.0)

    assert most_in_a_second(rises(frame[RED] for frame in seen)) <= 1 or not gentle


def too_fast(text: str) -> bool:
    """Return whether *text* is refused, on any light, since it flashes too fast."""
    try:
        parse_pattern(text)
    except ConfigError as exc:
        return "flashes more than 3 times a second" in str(exc)
    return False


def test_a_buzzer_does_not_breathe() -> None:
    """It sounds or it does not, whatever the lights beside it can do."""
    fitted = fit(parse_pattern("buzzer pulse"), {Channel.BUZZER}, dims=True)

    (stroke,) = fitted.strokes
    assert {level for _, level in stroke.rhythm} == {0.0, 1.0}


# What becomes of a pattern.


@pytest.mark.parametrize(
    ("text", "share", "expected"),
    [
        ("red", 0.2, "red 20%"),
        ("red 50% blink 2s, green", 0.1, "red 5% blink 2s, green 10%"),
        ("red, buzzer 2s", 0.5, "red 50%"),
        ("buzzer", 0.5, "off"),
        ("red", 0.0, "off"),
    ],
)
def test_a_closed_office_dims_every_colour_and_is_silent(
    text: str, share: float, expected: str
) -> None:
    """At night the lamp says the same, but less of it, and wakes nobody."""
    assert dim(parse_pattern(text), share).strokes == parse_pattern(expected).strokes


def test_a_dimmed_pattern_says_so() -> None:
    """`explain` tells why the lamp is not as bright as its pattern."""
    assert dim(parse_pattern("red blink"), 0.6).text == "red blink at 60%"
    assert dim(parse_pattern("red blink"), 0.0) is OFF


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("off", 0.0),
        ("red", math.inf),
        ("red 2s", 2.0),
        ("red 2s, buzzer 0.5s", 2.0),
        ("red 2s, amber", math.inf),
    ],
)
def test_a_pattern_is_as_long_as_its_longest_stroke(text: str, seconds: float) -> None:
    """An event makes room for the signal when its last stroke is over."""
    assert duration_of(parse_pattern(text)) == seconds


def test_an_event_has_an_end() -> None:
    """What nobody gave a duration is played for three seconds, and nothing for over a minute."""
    assert LONGEST_EVENT == 60.0
    assert limit_duration(parse_pattern("red blink, buzzer 1s")) == Pattern(
        "red blink, buzzer 1s", parse_pattern("red blink 3s, buzzer 1s").strokes
    )


@pytest.mark.parametrize(
    ("text", "looks_good"),
    [
        ("green", True),
        ("green blink", True),
        ("green 2s", True),
        ("green 0.5s", True),
        ("green, buzzer", True),
        ("green, red 2s", True),
        ("green 0.8s, red 0.5s", True),
        ("green 3s, red 1s, amber 2s", True),
        ("green, red", False),
        ("green 2s, red", False),
        ("green 2s, red 2s", False),
        ("green 2s, amber 1s, red 3s", False),
        ("red", False),
        ("red 2s", False),
        ("blue", False),
        ("buzzer 2s", False),
        ("off", False),
        ("green 1s, green 3s, red 2s", True),
        ("green, red 1s, red 2s", True),
        ("green 3s, red 4s, red 2s", False),
        ("green 3s, green 1s, red 2s", True),
    ],
)
def test_green_that_outlasts_every_other_colour_is_good_news(
    text: str, *, looks_good: bool
) -> None:
    """Such a pattern is never played for bad news, whatever the configuration says."""
    assert cheers(parse_pattern(text)) is looks_good


@pytest.mark.parametrize(
    ("text", "flashing"),
    [
        ("red", False),
        ("red pulse", False),
        ("red blink", True),
        ("red, amber double-blink", True),
        ("red, buzzer blink", False),
        ("off", False),
    ],
)
def test_breath_and_sound_do_not_flash(text: str, *, flashing: bool) -> None:
    """Only what flashes may not be added to what flashes already."""
    assert flashes(parse_pattern(text)) is flashing


def test_what_flashes_stands_still_while_something_else_flashes() -> None:
    """Colours stay, breath and sound go on, and durations are kept."""
    still = stop_flashing(parse_pattern("red 50% blink 2s, amber pulse, buzzer blink, green"))

    assert still.strokes == parse_pattern("red 50% 2s, amber pulse, buzzer blink, green").strokes
    assert still.text == "red 50% blink 2s, amber pulse, buzzer blink, green"


@pytest.mark.parametrize(
    ("beneath", "over", "seconds", "expected"),
    [
        ("red", "green 2s", 0.0, "red, green"),
        ("red", "green 2s", 2.0, "red"),
        ("red", "red 30% 2s", 1.0, "red 30%"),
        ("red", "red blink 2s", 0.75, "off"),
        ("red", "red blink 2s", 2.0, "red"),
        ("red, amber", "red 1s, amber blink 2s", 1.75, "red"),
        ("green", "off", 0.0, "green"),
    ],
)
def test_an_event_takes_its_channels_and_leaves_the_others(
    beneath: str, over: str, seconds: float, expected: str
) -> None:
    """An event on the buzzer leaves the red that everybody has to see."""
    frame = lay_over(frame_at(parse_pattern(beneath), 0.0), parse_pattern(over), seconds)

    assert frame == frame_at(parse_pattern(expected), 0.0)
