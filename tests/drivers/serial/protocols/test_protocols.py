"""What each serial light is sent, byte by byte, and how its port is found. Nothing is opened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from buildlight.drivers.serial.protocols.adafruit_tower import TOWER, encode_tower
from buildlight.drivers.serial.protocols.buildlight import OWN_CHANNELS, TTL, own_light
from buildlight.drivers.serial.protocols.busytag import BUSYTAG
from buildlight.drivers.serial.protocols.custom import custom
from buildlight.drivers.serial.protocols.fit_statusb import FIT_STATUSB, MOST_STEPS, steps_of
from buildlight.drivers.serial.protocols.jambel import JAMBEL_MODULES, jambel
from buildlight.drivers.serial.protocols.lcus import lcus
from buildlight.drivers.serial.protocols.protocol import SerialProtocol
from buildlight.drivers.serial.search import choose_port, lasting_name
from buildlight.errors import LightUnavailable
from buildlight.patterns.fitting import fit
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, Channel, Frame, Pattern, Stroke, frame_at
from buildlight.patterns.presets import COLOURS, RHYTHM

RED, AMBER, GREEN, BLUE, WHITE, BUZZER = Channel
FOUR = (RED, AMBER, GREEN, BUZZER)
UPSIDE_DOWN = (GREEN, AMBER, RED)


def sent(protocol: SerialProtocol, *lit: Channel, level: float = 1.0) -> bytes:
    """Return all that *protocol* sends when the channels *lit* are."""
    return b"".join(protocol.encode(Frame.of(dict.fromkeys(lit, level))))


def fitted(protocol: SerialProtocol, text: str) -> Pattern:
    """Return the pattern *text* as the light of *protocol* is given it."""
    return fit(parse_pattern(text), protocol.channels, dims=protocol.dims)


def played(protocol: SerialProtocol, text: str) -> tuple[bytes, float] | None:
    """Return what makes the light play *text* by itself, and the seconds after which it repeats."""
    performance = protocol.play(fitted(protocol, text))
    if performance is None:
        return None
    return b"".join(performance.commands), performance.period


@pytest.mark.parametrize(
    ("lit", "expected"),
    [
        ((), "21 22 24 28"),
        ((RED,), "11 22 24 28"),
        ((AMBER,), "21 12 24 28"),
        ((GREEN,), "21 22 14 28"),
        ((BUZZER,), "21 22 24 18"),
        (FOUR, "11 12 14 18"),
        ((BLUE, WHITE), "21 22 24 28"),
    ],
)
def test_the_tower_gets_its_whole_state(lit: Sequence[Channel], expected: str) -> None:
    """Each lamp of Adafruit's tower is told to be on or off, each time."""
    assert sent(TOWER, *lit) == bytes.fromhex(expected)


def test_any_level_above_dark_is_on() -> None:
    """Neither a tower nor a relay nor a Jambel can be dimmed."""
    assert encode_tower(Frame.of({RED: 0.01})) == encode_tower(Frame.of({RED: 1}))
    assert sent(lcus(FOUR), RED, level=0.01) == sent(lcus(FOUR), RED)
    assert sent(jambel(JAMBEL_MODULES), RED, level=0.01) == b"set_all=1,0,0,0\n"


@pytest.mark.parametrize("text", sorted({*COLOURS.values(), *RHYTHM.values()}))
def test_the_tower_is_led_by_hand(text: str) -> None:
    """It blinks at a rate that nobody states, and could be one that hurts."""
    assert played(TOWER, text) is None


@pytest.mark.parametrize(
    ("lit", "expected"),
    [
        ((), "A0 01 00 A1  A0 02 00 A2  A0 03 00 A3  A0 04 00 A4"),
        ((RED,), "A0 01 01 A2  A0 02 00 A2  A0 03 00 A3  A0 04 00 A4"),
        ((AMBER,), "A0 01 00 A1  A0 02 01 A3  A0 03 00 A3  A0 04 00 A4"),
        ((GREEN,), "A0 01 00 A1  A0 02 00 A2  A0 03 01 A4  A0 04 00 A4"),
        ((BUZZER,), "A0 01 00 A1  A0 02 00 A2  A0 03 00 A3  A0 04 01 A5"),
        (FOUR, "A0 01 01 A2  A0 02 01 A3  A0 03 01 A4  A0 04 01 A5"),
    ],
)
def test_relays_are_switched_in_their_order(lit: Sequence[Channel], expected: str) -> None:
    """Four bytes a relay, the last the sum of the others; the whole board each time."""
    assert sent(lcus(FOUR), *lit) == bytes.fromhex(expected)


def test_a_board_of_one_relay_gets_one_command() -> None:
    """What the sellers' page shows for LCUS-1."""
    assert sent(lcus((RED,)), RED) == bytes.fromhex("A0 01 01 A2")
    assert sent(lcus((RED,))) == bytes.fromhex("A0 01 00 A1")


def test_a_relay_board_has_a_channel_for_each_relay() -> None:
    """LCUS-8, as far as there are channels."""
    board = lcus((BLUE, WHITE, *FOUR))

    assert sent(board, BUZZER).endswith(bytes.fromhex("A0 06 01 A7"))


@pytest.mark.parametrize(
    ("lit", "upright", "upside_down"),
    [
        ((), "0,0,0", "0,0,0"),
        ((RED,), "1,0,0", "0,0,1"),
        ((AMBER,), "0,1,0", "0,1,0"),
        ((GREEN,), "0,0,1", "1,0,0"),
        ((RED, AMBER, GREEN), "1,1,1", "1,1,1"),
    ],
)
def test_a_jambel_gets_all_modules_in_one_line(
    lit: Sequence[Channel], upright: str, upside_down: str
) -> None:
    """set_all, in the order of the modules, and a 0 for the fourth that no tower has."""
    assert sent(jambel(JAMBEL_MODULES), *lit) == f"set_all={upright},0\n".encode()
    assert sent(jambel(UPSIDE_DOWN), *lit) == f"set_all={upside_down},0\n".encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red pulse", ("blink_time=1,1000,1000\nset_all=2,0,0,0\n", 2.0)),
        ("amber pulse", ("blink_time=2,1000,1000\nset_all=0,2,0,0\n", 2.0)),
        ("green pulse", ("blink_time=3,1000,1000\nset_all=0,0,2,0\n", 2.0)),
        ("red blink", ("blink_time=1,500,500\nset_all=2,0,0,0\n", 1.0)),
        ("amber wink", ("blink_time=2,200,2800\nset_all=0,2,0,0\n", 3.0)),
        ("amber dip", ("blink_time=2,2800,200\nset_all=0,2,0,0\n", 3.0)),
        ("red, green blink", ("blink_time=3,500,500\nset_all=1,0,2,0\n", 1.0)),
        (
            "red blink, green wink",
            ("blink_time=1,500,500\nblink_time=3,200,2800\nset_all=2,0,2,0\n", 3.0),
        ),
        ("red", None),
        ("off", None),
        ("amber double-blink", None),
        ("red blink 2s", None),
        ("red, red blink", None),
        ("red pulse, amber double-blink", None),
    ],
)
def test_a_jambel_blinks_by_itself_at_the_patterns_pace(
    text: str, expected: tuple[str, float] | None
) -> None:
    """What is on and off by turns is left to the tower; all else is led by hand."""
    found = played(jambel(JAMBEL_MODULES), text)

    assert found == (expected and (expected[0].encode(), expected[1]))


@pytest.mark.parametrize(
    ("lit", "level", "expected"),
    [
        ((), 1.0, "000000"),
        ((RED,), 1.0, "FF0000"),
        ((AMBER,), 1.0, "FF5000"),
        ((GREEN,), 1.0, "00FF00"),
        ((BLUE,), 1.0, "0000FF"),
        ((WHITE,), 1.0, "FFFFFF"),
        ((RED, AMBER), 1.0, "FF5000"),
        ((RED, GREEN), 1.0, "FFFF00"),
        ((BUZZER,), 1.0, "000000"),
        ((RED,), 0.5, "800000"),
        ((AMBER,), 0.3, "4D1800"),
        ((GREEN,), 0.001, "000100"),
    ],
)
def test_a_light_of_many_colours_mixes_them(
    lit: Sequence[Channel], level: float, expected: str
) -> None:
    """Amber is far more red than green, and what is lit a little is not dark."""
    assert sent(FIT_STATUSB, *lit, level=level) == f"F0001\n#{expected}\n?\n".encode()
    assert sent(BUSYTAG, *lit, level=level) == f"AT+SC=127,{expected}\r\n".encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red pulse", ("F1000\nB#FF0000-1000#0D0000-1000\n?\n", 2.0)),
        ("amber pulse", ("F1000\nB#FF5000-1000#0D0400-1000\n?\n", 2.0)),
        ("green pulse", ("F1000\nB#00FF00-1000#000D00-1000\n?\n", 2.0)),
        ("green 50% pulse", ("F1000\nB#008000-1000#000700-1000\n?\n", 2.0)),
        ("red blink", ("F0001\nB#FF0000-0500#000000-0500\n?\n", 1.0)),
        ("amber wink", ("F0001\nB#FF5000-0200#000000-2800\n?\n", 3.0)),
        (
            "amber double-blink",
            ("F0001\nB#FF5000-0200#000000-0200#FF5000-0200#000000-1400\n?\n", 2.0),
        ),
        (
            "red, amber double-blink",
            ("F0001\nB#FF5000-0200#FF0000-0200#FF5000-0200#FF0000-1400\n?\n", 2.0),
        ),
        ("red", None),
        ("off", None),
        ("red blink 2s", None),
        ("red triple-blink", None),
        ("red pulse, amber double-blink", None),
    ],
)
def test_a_fit_statusb_plays_what_has_few_steps_by_itself(
    text: str, expected: tuple[str, float] | None
) -> None:
    """No longer a sequence than its maker shows; a pulse is a fade between two colours."""
    found = played(FIT_STATUSB, text)

    assert found == (expected and (expected[0].encode(), expected[1]))


def test_no_frame_of_a_fit_statusb_asks_for_new_firmware() -> None:
    """P begins an update: none of the lines that are ever sent begins with it."""
    lines = [
        line
        for text in {*COLOURS.values(), *RHYTHM.values()}
        for line in (played(FIT_STATUSB, text) or (b"", 0))[0].split(b"\n")
    ]
    lines += sent(FIT_STATUSB, *Channel).split(b"\n")

    assert {line[:1] for line in lines} == {b"B", b"F", b"#", b"?", b""}


@pytest.mark.parametrize("text", sorted({*COLOURS.values(), *RHYTHM.values()}))
def test_a_busy_tag_is_led_by_hand(text: str) -> None:
    """Its own patterns have times of unknown units."""
    assert played(BUSYTAG, text) is None


@pytest.mark.parametrize("text", sorted({*COLOURS.values(), *RHYTHM.values()}))
def test_the_steps_of_a_pattern_are_what_it_shows(text: str) -> None:
    """A sequence that a light plays is the same that it would be led through by hand."""
    pattern = fitted(FIT_STATUSB, text)
    steps = steps_of(pattern)

    now = 0.0
    for seconds, frame in steps:
        assert frame_at(pattern, now + seconds / 2) == frame
        now += seconds
    assert all(before != after for (_, before), (_, after) in pairwise(steps))


def test_a_pattern_of_too_many_changes_has_no_steps() -> None:
    """A rhythm that takes minutes to come round is led by hand, and not worked out first."""
    assert steps_of(parse_pattern("red dip, green pulse, amber blink")) != ()
    odd = parse_pattern("red pulse, green blink")
    strokes = tuple(
        type(stroke)(stroke.channel, rhythm=((0.997 - number / 1000, 1.0), (0.1, 0.0)))
        for number, stroke in enumerate(odd.strokes)
    )

    assert steps_of(Pattern("odd", strokes)) == ()
    assert FIT_STATUSB.play(Pattern("odd", strokes)) is None
    assert MOST_STEPS == 4


def test_two_hundred_changes_are_the_most() -> None:
    """As many are worked out, and exactly when they come; with one more it is left."""
    second = Stroke(RED, rhythm=((0.5, 1.0), (0.5, 0.0)))
    slow = ((64.92, 1.0), (0.02, 0.0), (0.04, 1.0), (0.02, 0.0))
    most = Pattern("most", (second, Stroke(GREEN, rhythm=slow)))
    one_more = Pattern("more", (second, Stroke(GREEN, rhythm=((0.01, 0.5), (64.91, 1), *slow[1:]))))

    steps = steps_of(most)

    now = 0.0
    for seconds, frame in steps:
        assert frame_at(most, now + seconds / 2) == frame
        now += seconds
    assert now == pytest.approx(65.0)
    assert steps_of(one_more) == ()


def test_the_dark_is_one_step() -> None:
    """What never changes is one frame, also if nothing is lit."""
    assert [frame for _, frame in steps_of(parse_pattern("off"))] == [DARK]


def test_a_fit_statusb_plays_steps_of_up_to_four_digits() -> None:
    """Ten seconds cannot be written; the length of its round is exact all the same."""

    def of(on: float, off: float) -> tuple[bytes, float] | None:
        performance = FIT_STATUSB.play(
            Pattern("odd", (Stroke(RED, rhythm=((on, 1.0), (off, 0.0))),))
        )
        return None if performance is None else (performance.commands[0], performance.period)

    assert of(9.999, 0.2) == (b"F0001\nB#FF0000-9999#000000-0200\n?\n", 10.199)
    assert of(0.25, 0.5) == (b"F0001\nB#FF0000-0250#000000-0500\n?\n", 0.75)
    assert of(10.0, 0.2) is None


# What is known of each kind besides its words.

PLAIN = {"dims": False, "tcp": False, "restarts": False, "shading": 0.0}


@pytest.mark.parametrize(
    ("protocol", "facts"),
    [
        (TOWER, PLAIN),
        (lcus((RED,)), PLAIN),
        (FIT_STATUSB, {**PLAIN, "dims": True}),
        (BUSYTAG, {**PLAIN, "dims": True, "shading": 0.5}),
        (custom({RED: (b"R", b"r")}), {**PLAIN, "tcp": True, "restarts": True}),
    ],
    ids=["tower", "relays", "fit-statusb", "busytag", "custom"],
)
def test_a_light_is_treated_as_what_it_is(
    protocol: SerialProtocol, facts: Mapping[str, object]
) -> None:
    """9600 baud and its state every ten seconds; nothing that it cannot do is asked of it."""
    assert {name: getattr(protocol, name) for name in PLAIN} == facts
    assert (protocol.baud, protocol.repeat) == (9600, 10.0)
    assert (protocol.greeting, protocol.parting) == (None, ())


def test_a_busy_tag_stops_its_own_pattern_first() -> None:
    """What it may play by itself since it was switched on would hide the verdict."""
    assert BUSYTAG.init == b"AT+PP=0,3\r\n"


def test_a_jambel_says_ok_and_may_hang_on_a_network() -> None:
    """Each line has its answer; a complaint is none."""
    tower = jambel(JAMBEL_MODULES)

    assert tower.tcp
    assert tower.answer is not None
    assert tower.answer.called == "OK"
    assert tower.answer.good.search(b"OK\r\n")
    assert not tower.answer.good.search(b"ok?")
    assert tower.answer.bad.search(b"ERROR unknown command")


TABLE = {RED: (b"R", b"r"), GREEN: (b"G\n", b"g\n")}


def test_a_custom_light_gets_what_its_table_says_in_one_piece() -> None:
    """Channel by channel in the table's order."""
    assert custom(TABLE).encode(Frame.of({RED: 1})) == (b"Rg\n",)
    assert custom(dict(reversed(TABLE.items()))).encode(DARK) == (b"g\nr",)


def test_a_custom_light_that_answers_is_told_one_thing_at_a_time() -> None:
    """Each command has its own answer."""
    assert custom(TABLE, ack=b"OK").encode(Frame.of({RED: 1})) == (b"R", b"g\n")


def test_a_custom_light_says_what_its_owner_wrote_and_nothing_is_read_into_it() -> None:
    """Its answer is text, not a pattern; what it says when it refuses is known to nobody."""
    light = custom(TABLE, init=b"X\r", ack=b"done.\r\n", ready=b"up")

    assert light.channels == {RED, GREEN}
    assert (light.init, light.ready) == (b"X\r", b"up")
    assert light.tcp
    assert light.restarts
    assert light.answer is not None
    assert light.answer.called == r"done.\r\n"
    assert light.answer.good.search(b"all done.\r\n")
    assert not light.answer.good.search(b"all done!\r\n")
    assert not light.answer.bad.search(b"error")


def test_a_custom_light_that_was_told_little_is_sent_little() -> None:
    """Without init, ready and ack nothing is sent first, and nothing is waited for."""
    light = custom(TABLE)

    assert (light.init, light.ready, light.answer) == (b"", b"", None)
    assert light.tcp
    assert light.restarts


# Our own light: what it makes of these lines is in tests/hardware.


def own() -> SerialProtocol:
    """Return how our own light is spoken to, with all that it has."""
    return own_light(OWN_CHANNELS)


@pytest.mark.parametrize(
    ("lit", "level", "expected"),
    [
        ((), 1.0, "SET ttl=20*C6A4\n"),
        ((RED,), 1.0, "SET red=100 ttl=20*46A3\n"),
        ((AMBER, GREEN), 1.0, "SET amber=100 green=100 ttl=20*"),
        ((RED, BUZZER), 0.5, "SET buzzer=50 red=50 ttl=20*"),
        ((BLUE, WHITE), 0.001, "SET blue=1 white=1 ttl=20*"),
    ],
)
def test_our_own_light_gets_its_whole_state_and_its_patience(
    lit: Sequence[Channel], level: float, expected: str
) -> None:
    """In per cent, with what tells a broken line; what is lit is never told to be dark."""
    assert sent(own(), *lit, level=level).decode().startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red pulse", "SET red=100~2000 ttl=20"),
        ("green 50% blink", "SET green=50/500,500 ttl=20"),
        ("amber dip", "SET amber=100/2800,200 ttl=20"),
        ("red, amber double-blink", "SET red=100 amber=100/200,200,200,1400 ttl=20"),
        (
            "red pulse, amber double-blink",
            "SET red=100~2000 amber=100/200,200,200,1400 ttl=20",
        ),
        (
            "red quadruple-blink",
            "SET red=100/200,200,200,200,200,200,200,1400 ttl=20",
        ),
        ("buzzer pulse", "SET buzzer=100/1000,1000 ttl=20"),
        ("red", None),
        ("off", None),
        ("red blink 2s", None),
        ("red, red blink", None),
    ],
)
def test_our_own_light_plays_every_rhythm_by_itself(text: str, expected: str | None) -> None:
    """What is steady, what ends, and two rhythms on one channel are led by hand."""
    found = played(own(), text)

    assert (found and (found[0].split(b"*")[0].decode(), found[1])) == (expected and (expected, 0))


@pytest.mark.parametrize(
    "rhythm",
    [
        ((0.166, 1.0), (0.5, 0.0)),
        ((60.001, 1.0), (0.5, 0.0)),
        ((0.5, 0.0), (0.5, 1.0)),
        ((0.5, 1.0), (0.5, 0.5)),
        ((0.5, 1.0), (0.5, 0.0), (0.5, 1.0)),
        ((0.5, 1.0), (0.5, 0.0)) * 5,
    ],
)
def test_what_our_own_light_has_no_words_for_is_led_by_hand(
    rhythm: tuple[tuple[float, float], ...],
) -> None:
    """Too short, too long, the wrong way round, in between, or too many."""
    assert own().play(Pattern("odd", (Stroke(RED, rhythm=rhythm),))) is None


def test_a_pattern_that_no_line_holds_is_led_by_hand() -> None:
    """A line has 120 bytes, and the light takes no longer one."""
    rhythm = ((0.2, 1.0), (0.2, 0.0)) * 4
    strokes = [Stroke(channel, rhythm=rhythm) for channel in (RED, AMBER, GREEN)]

    two, three = (own().play(Pattern("long", tuple(strokes[:count]))) for count in (2, 3))

    assert two is not None
    assert len(two.commands[0]) <= 121
    assert three is None


def test_the_longest_line_and_the_limits_of_a_step_are_played() -> None:
    """What the protocol allows is used up to its last byte and its last millisecond."""
    steps = [10.0] * 7 + [1.0] * 9
    strokes = [
        Stroke(channel, rhythm=tuple(zip(part, (1.0, 0.0) * 4, strict=True)))
        for channel, part in ((RED, steps[:8]), (AMBER, steps[8:]))
    ]
    longer = [strokes[0], replace(strokes[1], rhythm=((10.0, 1.0), *strokes[1].rhythm[1:]))]

    longest = own().play(Pattern("long", tuple(strokes)))
    limits = own().play(Pattern("limits", (Stroke(RED, rhythm=((0.167, 1.0), (60.0, 0.0))),)))

    assert longest is not None
    assert len(longest.commands[0]) == 120 + len(b"\n")
    assert own().play(Pattern("longer", tuple(longer))) is None
    assert limits is not None
    assert limits.commands[0].startswith(b"SET red=100/167,60000 ttl=20*")


@pytest.mark.parametrize(
    ("channels", "ready", "fault"),
    [
        (OWN_CHANNELS, "READY buildlight 1 channels=red,amber,green,buzzer ttl=30\n", ""),
        ((RED,), "noise\r\nREADY buildlight 1 new= channels=red\r\nmore", ""),
        (
            OWN_CHANNELS,
            "READY buildlight 2 channels=red,amber,green,buzzer\n",
            "speaks version 2 of the protocol, not 1; update buildlight",
        ),
        (
            OWN_CHANNELS,
            "READY buildlight 0 channels=red,amber,green,buzzer\n",
            "speaks version 0 of the protocol, not 1; update its firmware",
        ),
        (
            OWN_CHANNELS,
            "READY buildlight 1 channels=red,green\n",
            "has no amber, buzzer; its channels are red, green: set channels to those",
        ),
        (
            (RED,),
            "READY buildlight 1\n",
            "has no red; its channels are : set channels to those",
        ),
        ((RED,), "READY buildlight 1 new=a\fb=c=d channels=red\n", ""),
        ((RED,), "READY buildlight 1 new=\u00e9 channels=red\n", ""),
        (
            (RED,),
            "READY buildlight 1 channels=red=X\n",
            "has no red; its channels are red=X: set channels to those",
        ),
        (
            (RED,),
            "READY buildlight 1 channels=redX\n",
            "has no red; its channels are redX: set channels to those",
        ),
        (
            (RED,),
            "READY buildlight 1 channels=red\f\n",
            "has no red; its channels are red\N{REPLACEMENT CHARACTER}: set channels to those",
        ),
        (
            (RED,),
            f"READY buildlight 1 channels={'x' * 61}\n",
            f"has no red; its channels are {'x' * 59}…: set channels to those",
        ),
        (
            OWN_CHANNELS,
            "READY buildlight 1 channels=blue\n",
            "has no red, amber, green, buzzer; its channels are blue: set channels to those",
        ),
        (OWN_CHANNELS, "READY buildlight 1 channels=red,amber,gr", None),
        (OWN_CHANNELS, "READY\n", None),
        (OWN_CHANNELS, "ALREADY buildlight 1 channels=red\n", None),
        (OWN_CHANNELS, "ERR text\n", None),
    ],
)
def test_what_a_light_says_of_itself_is_checked(
    channels: Sequence[Channel], ready: str, fault: str | None
) -> None:
    """Its version, and whether it has what the lamp needs; half a line is no answer yet."""
    greeting = own_light(channels).greeting
    assert greeting is not None
    found = greeting.answer.search(ready.encode())

    assert (found and greeting.fault(found)) == fault


def test_our_own_light_is_greeted_and_told_goodbye() -> None:
    """What is left of another host's line is ended first."""
    light = own()
    assert light.greeting is not None
    assert light.greeting.asked == b"\nHELLO*58DA\n"
    assert light.greeting.called == "READY"
    assert light.parting == (b"BYE*DF8B\n",)


def test_our_own_light_is_told_each_line_in_time() -> None:
    """Three words may get lost before it believes its host lost, on a lead or over a network."""
    light = own_light((RED, GREEN))

    assert light.channels == {RED, GREEN}
    assert (light.baud, light.dims, light.tcp) == (38_400, True, True)
    assert light.repeat * 3 < TTL
    assert light.repeat == 5.0
    assert light.answer is not None
    assert light.answer.called == "OK"
    assert light.answer.good.search(b"noise\nOK\r\n")
    assert light.answer.bad.search(b"ERR checksum\n")
    assert not light.answer.good.search(b"OK")


# Finding the port.


@dataclass
class Info:
    """A port as pyserial lists it."""

    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None


FIT = Info("/dev/ttyACM0", 0x2047, 0x03DF, "193F914725000600")
ONE, TWO = (Info(f"/dev/ttyUSB{number}", 0x1A86, 0x7523) for number in range(2))
MODEM, BARE = Info("/dev/ttyACM1", 0x12D1, 0x1001, "1"), Info("/dev/ttyS0")
LINKS = {
    "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0": "/dev/ttyUSB1",
    "/dev/serial/by-path/pci-0-usb-0:1:1.0-port0": "/dev/ttyUSB0",
    "/dev/serial/by-path/pci-0-usb-0:2:1.0-port0": "/dev/ttyUSB1",
    "/dev/serial/by-path/pci-0-usb-0:3:1.0": "/dev/ttyACM0",
    "/dev/serial/by-id/usb-CompuLab_fit_StatUSB_193F-if00": "/dev/ttyACM0",
}


def chosen(
    light: str, usb: tuple[int, int] | None, ports: Iterable[Info], links: Mapping[str, str] = LINKS
) -> str:
    """Return the port that is chosen, or why none is."""
    assert usb is not None
    try:
        return choose_port(light, usb, ports, links)
    except LightUnavailable as exc:
        return str(exc)


def test_the_only_light_of_its_id_is_found() -> None:
    """Whatever else is plugged in, and under whatever name."""
    assert chosen("fit-statusb", FIT_STATUSB.usb, [BARE, ONE, FIT, MODEM]) == "/dev/ttyACM0"
    assert chosen("adafruit-tower", TOWER.usb, [BARE, TWO, FIT]) == "/dev/ttyUSB1"


def test_no_light_of_its_id_is_said() -> None:
    """With the id, which lsusb shows."""
    sentence = chosen("busytag", BUSYTAG.usb, [BARE, ONE, FIT])

    assert sentence == "no busytag found (USB id 303a:81df); is it plugged in?"


def test_two_lights_of_one_id_are_not_guessed_between() -> None:
    """Two CH340s have no serial number: they are named by the sockets they are plugged into."""
    sentence = chosen("lcus", lcus((RED,)).usb, [TWO, ONE])

    assert sentence == (
        "2 ports have the USB id 1a86:7523 of lcus; set port to one of: "
        "/dev/serial/by-path/pci-0-usb-0:1:1.0-port0, /dev/serial/by-path/pci-0-usb-0:2:1.0-port0"
    )


def test_the_name_that_lasts_is_the_light_s_own_where_it_has_one() -> None:
    """A serial number follows the light into any socket; without any link, the device is named."""
    assert lasting_name(FIT, LINKS) == "/dev/serial/by-id/usb-CompuLab_fit_StatUSB_193F-if00"
    assert lasting_name(TWO, LINKS) == "/dev/serial/by-path/pci-0-usb-0:2:1.0-port0"
    assert lasting_name(TWO, {}) == "/dev/ttyUSB1"
    by_path = {name: device for name, device in LINKS.items() if "/by-path/" in name}
    assert lasting_name(FIT, by_path) == "/dev/serial/by-path/pci-0-usb-0:3:1.0"
