"""Whether a light speaks hardware/protocol.md: one suite, which every firmware has to pass.

A board is told lines, and its pins are looked at. Times are the board's own; a moment is right
within 20 ms.
"""

import random
from binascii import crc_hqx
from collections.abc import Sequence
from itertools import accumulate, cycle, groupby, takewhile

import pytest

from buildlight.drivers.serial.protocols.buildlight import encode_own, line_of, play_own
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import PULSE, RHYTHMS, SLOW_BLINK, Channel, Frame, frame_at
from hardware.conftest import FIRMWARE, pico
from hardware.lead import CHANNELS, ROUND, Board

TOLERANCE = 0.02
LOST = (200, 200, 200, 1400)
"""Milliseconds on, off, on, off: how amber blinks when the host is lost."""


def plays(board: Board, channel: str, times: Sequence[int], since: float, seconds: float) -> bool:
    """Return whether *channel* was on, off, on… for *times* (ms) by turns, for *seconds*.

    *seconds* end in 5 hundredths, so that no change is expected there.
    """
    moments = (moment / 1000 for moment in accumulate(cycle(times)))
    expected = [*takewhile(lambda moment: moment < seconds, moments)] if times else []
    found = board.edges(channel, since + TOLERANCE, since + seconds)
    return len(found) == len(expected) and all(
        abs(at + TOLERANCE - moment) <= TOLERANCE and level == number % 2
        for number, ((at, level), moment) in enumerate(zip(found, expected, strict=True))
    )


def is_lost(board: Board, since: float, seconds: float = 3.95) -> bool:
    """Return whether, since that moment, nothing was seen but the mark of a lost host."""
    only = board.lit(since + TOLERANCE, since + seconds) == {"amber"}
    return only and plays(board, "amber", LOST, since, seconds)


# Starting.


def test_a_light_that_starts_says_what_it_is(board: Board) -> None:
    """It says so unasked, once, and gives the same line to who asks."""
    (ready,) = board.heard()
    words = ready.split()
    keys = dict(word.split("=") for word in words[3:])
    assert words[:3] == ["READY", "buildlight", "1"]
    assert keys["channels"] == "red,amber,green,buzzer"
    assert (keys["ttl"], keys["line"]) == ("30", "120")
    assert board.answers("HELLO\n") == [ready]


def test_a_light_that_nobody_told_anything_shows_that_it_has_lost_its_host(board: Board) -> None:
    """From its first moment, and without an end."""
    board.wait(30.0)

    assert is_lost(board, board.began)
    assert board.lit(board.began, board.now) == {"amber"}
    assert board.lit(board.now - 2.0, board.now) == {"amber"}


def test_a_light_that_lost_its_power_for_a_moment_shows_nothing_that_it_was_told(
    board: Board,
) -> None:
    """Who forgot everything begins anew."""
    board.show("green=100")
    board.unplug()
    since = board.now
    board.wait(5.0)

    assert "green" not in board.lit(since + ROUND, board.now)
    assert board.lit(since + ROUND, board.now) == {"amber"}
    assert [line[:5] for line in board.heard()][-1:] == ["READY"]


# Levels.


@pytest.mark.parametrize("lit", [(), *((each,) for each in CHANNELS), ("red", "green"), CHANNELS])
def test_a_set_is_the_whole_state(board: Board, lit: tuple[str, ...]) -> None:
    """What is not named is dark, whatever it was before."""
    board.show("red=100 amber=100/500,500 green=40~2000 buzzer=100")

    since = board.show(" ".join(f"{each}=100" for each in lit))
    board.wait(2.0)

    assert board.lit(since + ROUND, board.now) == {*lit}
    assert all(board.share(each, since + ROUND, board.now) == pytest.approx(1) for each in lit)


@pytest.mark.parametrize("level", [0, 1, 2, 25, 50, 99, 100])
def test_a_level_is_a_share_of_the_light(board: Board, level: int) -> None:
    """In per cent; 0 is dark, and 1 is not."""
    since = board.show(f"red={level} amber={level} green={level}")
    board.wait(1.0)

    for channel in ("red", "amber", "green"):
        share = board.share(channel, since + 0.1, since + 0.9)
        assert share == pytest.approx(level / 100, abs=0.001)


def test_a_buzzer_is_on_or_off(board: Board) -> None:
    """It makes its own tone, and none at half its power."""
    since = board.show("buzzer=1")
    board.wait(0.5)

    assert board.share("buzzer", since + ROUND, board.now) == pytest.approx(1)


def test_what_the_driver_calls_full_is_full(board: Board) -> None:
    """A frame as the driver writes it, down to the faintest."""
    line = encode_own(Frame.of({Channel.RED: 1, Channel.GREEN: 0.001}))[0]
    assert board.answers(line) == ["OK"]
    board.wait(1.0)

    assert board.share("red", board.now - 0.5, board.now) == pytest.approx(1)
    assert 0 < board.share("green", board.now - 0.5, board.now) < 0.02


# Rhythms.


@pytest.mark.parametrize("name", sorted(RHYTHMS))
def test_every_rhythm_of_buildlight_is_played_on_time(board: Board, name: str) -> None:
    """As the driver tells it, and as a lamp that is led by hand would show it, for 15 seconds."""
    pattern = parse_pattern(f"red {name}")
    performance = play_own(pattern)
    line = performance.commands[0] if performance else encode_own(frame_at(pattern, 0))[0]
    since = board.obeys(line)
    board.wait(14.95)

    if RHYTHMS[name] == PULSE:
        for step in range(295):
            at = since + step * 0.05
            expected = frame_at(pattern, step * 0.05 + 0.025)[Channel.RED]
            before, after = (
                frame_at(pattern, max(step * 0.05 + 0.025 + shift, 0))[Channel.RED]
                for shift in (-TOLERANCE - 0.05, TOLERANCE + 0.05)
            )
            least, most = min(expected, before, after), max(expected, before, after)
            assert least - 0.02 <= board.share("red", at, at + 0.05) <= most + 0.02
    else:
        times = [round(seconds * 1000) for seconds, _ in RHYTHMS[name]]
        assert plays(board, "red", times if len(times) > 1 else [], since, 14.95)
    assert board.lit(since + ROUND, board.now) == {"red"}


def test_a_breath_never_goes_out(board: Board) -> None:
    """From faint to full and back: at its lowest, and at one per cent of it, something is lit."""
    since = board.show("red=100~2000 green=1~2000")
    board.wait(6.0)

    for number in range(100):
        at = since + 0.1 + number * 0.05
        assert board.share("red", at, at + 0.05) > 0.03
        assert board.share("green", at, at + 0.05) > 0.005
    assert (
        max(board.share("red", since + n * 0.01, since + n * 0.01 + 0.01) for n in range(200))
        > 0.98
    )


def test_a_pulse_that_cannot_dim_is_a_slow_blink(board: Board) -> None:
    """What the driver tells the buzzer, which cannot breathe."""
    since = board.show("buzzer=100/1000,1000")
    board.wait(5.95)

    times = [round(seconds * 1000) for seconds, _ in SLOW_BLINK]
    assert plays(board, "buzzer", times, since, 5.95)


def test_rhythms_of_a_line_begin_together(board: Board) -> None:
    """Red and amber, as they are told: one is on while the other is off."""
    board.show("red=100/500,500 amber=100/700,300")
    board.wait(1.23)
    since = board.show("red=100/1000,1000 amber=100/200,200,200,1400 green=100")
    board.wait(9.0)

    for channel, times in (("red", (1000, 1000)), ("amber", (200, 200, 200, 1400))):
        assert plays(board, channel, times, since, 8.95)


def test_saying_the_same_again_is_no_break(board: Board) -> None:
    """The host's sign of life, at any moment: the rhythm goes on. Another line begins anew."""
    since = board.show("red=100/500,500", ttl=2)
    for _ in range(10):
        board.wait(0.77)
        board.show("red=100/500,500", ttl=2)
    assert plays(board, "red", (500, 500), since, 7.95)

    since = board.show("red=99/500,500")
    board.wait(0.3)

    assert board.lit() == {"red"}
    assert board.share("red", since + 0.1, since + 0.3) == pytest.approx(0.99, abs=0.001)


# A lost host.


@pytest.mark.parametrize(
    ("words", "ttl"), [("ttl=2", 2.0), ("ttl=7", 7.0), ("", 30.0), ("ttl=90", 90.0)]
)
def test_a_light_that_hears_nothing_shows_that_it_has_lost_its_host(
    board: Board, words: str, ttl: float
) -> None:
    """Whatever it showed, green above all: not a moment too late, and not before."""
    since = board.obeys(f"SET green=100 buzzer=100 {words}\n")
    board.wait(ttl + 5.0)

    assert board.lit(since + ROUND, since + ttl - TOLERANCE) == {"green", "buzzer"}
    assert is_lost(board, since + ttl)
    assert "green" not in board.lit(since + ttl + TOLERANCE, board.now)


def test_a_lost_host_that_returns_is_obeyed_at_once(board: Board) -> None:
    """The mark is gone with the next line, even with the very same as before."""
    board.show("green=100/500,500", ttl=2)
    board.wait(5.0)
    assert "green" not in board.lit(board.now - 1.0, board.now)

    since = board.show("green=100/500,500", ttl=2)
    board.wait(1.5)

    assert plays(board, "green", (500, 500), since, 1.45)
    assert board.lit(since + ROUND, board.now) == {"green"}


@pytest.mark.parametrize(
    "line", ["HELLO", "SET green=101", "SET green=100*0000", "NO SUCH", "\xff", "x" * 200, ""]
)
def test_nothing_but_an_obeyed_line_is_a_sign_of_life(board: Board, line: str) -> None:
    """A program that talks to the light without knowing what it should show is not a host."""
    since = board.show("green=100", ttl=3)
    for _ in range(5):
        board.wait(0.5)
        board.say(line.encode("latin-1") + b"\n")
    board.wait(4.0)

    assert "green" not in board.lit(since + 3.0 + TOLERANCE, board.now)


@pytest.mark.parametrize("ttl", ["0", "1", "301", "-1", "", "9x", "99999999999", "2.5"])
def test_no_host_can_ask_for_more_patience_than_five_minutes(board: Board, ttl: str) -> None:
    """Nor for none; the light goes on with what it had."""
    board.show("red=100", ttl=2)

    assert board.answers(f"SET green=100 ttl={ttl}\n") == ["ERR value"]

    assert board.lit() == {"red"}
    board.wait(4.0)
    assert board.lit(board.now - 2.0, board.now) == {"amber"}


def test_who_says_goodbye_is_not_missed(board: Board) -> None:
    """Dark, for as long as nobody says more; then as before."""
    board.show("green=100 buzzer=100", ttl=2)

    assert board.answers("BYE\n") == ["OK"]
    since = board.now
    board.wait(100.0)

    assert board.lit(since, board.now) == set()
    board.show("red=100")
    assert board.lit() == {"red"}


# Words.


def test_unknown_keys_are_passed_over(board: Board) -> None:
    """Those of a newer host, or of a light with more channels."""
    line = "SET blue=100 red=100 fade=300 white=50/1,2,3 future=a,b;c ttl=9 x=\n"

    assert board.answers(line) == ["OK"]
    assert board.lit() == {"red"}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("SET red=101", "ERR value"),
        ("SET red=", "ERR value"),
        ("SET red", "ERR value"),
        ("SET =5", "ERR value"),
        ("SET red=-1", "ERR value"),
        ("SET red=+1", "ERR value"),
        ("SET red=1.5", "ERR value"),
        ("SET red=0x10", "ERR value"),
        ("SET red=1000000000000", "ERR value"),
        ("SET red=100 green=abc", "ERR value"),
        ("SET red=100/", "ERR value"),
        ("SET red=100/500", "ERR value"),
        ("SET red=100/500,", "ERR value"),
        ("SET red=100/500,,500", "ERR value"),
        ("SET red=100/500,500,500", "ERR value"),
        ("SET red=100/166,500", "ERR value"),
        ("SET red=100/500,166", "ERR value"),
        ("SET red=100/500,60001", "ERR value"),
        ("SET red=100/" + ",".join(["200"] * 10), "ERR value"),
        ("SET red=100/500,500/500,500", "ERR value"),
        ("SET red=100~", "ERR value"),
        ("SET red=100~999", "ERR value"),
        ("SET red=100~60001", "ERR value"),
        ("SET red=100~2000,2000", "ERR value"),
        ("SET red=100~2000~2000", "ERR value"),
        ("SET red=100/500,500~2000", "ERR value"),
        ("SET red=100~65536", "ERR value"),
        ("SET red=65537/500,500", "ERR value"),
        ("SETred=100", "ERR command"),
        ("set red=100", "ERR command"),
        ("HELO", "ERR command"),
        ("READY", "ERR command"),
        ("   ", "ERR command"),
        ("*0000", "ERR command"),
        ("SET\tred=100", "ERR text"),
        ("SET red=100\x00", "ERR text"),
        ("SET red=100\x7f", "ERR text"),
        ("SET gr\xfcn=100", "ERR text"),
        ("SET red=100 " + "x" * 109, "ERR long"),
        ("S" * 5000, "ERR long"),
    ],
)
def test_a_line_that_is_wrong_changes_nothing(board: Board, line: str, answer: str) -> None:
    """It is answered with one line that says what is wrong; the next line is read as ever."""
    board.show("amber=50 buzzer=100")

    assert board.answers(line.encode("latin-1") + b"\n", seconds=2.0) == [answer]

    assert board.lit() == {"amber", "buzzer"}
    board.answers("HELLO\n")
    board.show("red=100")
    assert board.lit() == {"red"}


@pytest.mark.parametrize(
    "line",
    [
        "SET red=0 green=100",
        "SET green=100/167,60000 ttl=2",
        "SET green=100/200,200,200,200,200,200,200,200",
        "SET green=100~1000",
        "SET green=100~60000",
        "SET red=5 green=007 red=0",
        "  SET   green=100  ",
        "SET green=100 " + "x" * 104 + "=",
    ],
)
def test_a_line_at_its_limits_is_obeyed(board: Board, line: str) -> None:
    """The longest line, the most times, the longest and the shortest."""
    assert len(line) <= 120
    assert board.answers(line + "\n") == ["OK"]

    assert board.lit() == {"green"}


def test_the_longest_line_has_120_bytes(board: Board) -> None:
    """One more is told, and no byte of it is taken for the next line."""
    longest = "SET red=100 ".ljust(119, "x") + "="

    assert board.answers(longest + "\n") == ["OK"]
    assert board.answers("x" + longest + "\n") == ["ERR long"]
    assert board.answers("HELLO\n")[0].startswith("READY ")


def test_ends_of_lines(board: Board) -> None:
    """A carriage return is passed over, and so is an empty line: both are answered once."""
    board.wait(0.1)

    assert board.answers("SET red=100\r\n") == ["OK"]
    assert board.answers("\n\r\n\n") == []
    assert board.answers("SET red=100\nHELLO\n", seconds=0.3)[0] == "OK"


def test_the_conversation_in_the_document_is_a_true_one(board: Board) -> None:
    """Word for word, but for the name of the board."""
    text = (FIRMWARE.parent / "protocol.md").read_text()
    (first, *lines) = text.split("## A conversation")[1].split("```")[1].strip().splitlines()
    assert said_of([first[2:]]) == said_of(board.heard())

    for asked, answered in zip(lines[::2], lines[1::2], strict=True):
        assert (asked[:2], answered[:2]) == ("> ", "< ")
        assert said_of(board.answers(asked[2:] + "\n")) == said_of([answered[2:]]), asked


# Checksums.


@pytest.mark.parametrize("text", ["SET green=100 ttl=9", "HELLO", "BYE", "SET ", "SET x=*"])
def test_a_checksum_is_checked_where_there_is_one(board: Board, text: str) -> None:
    """CRC-16 as XMODEM has it, four capital digits: any other line is not obeyed."""
    sum_ = crc_hqx(text.encode(), 0)

    good = board.answers(f"{text}*{sum_:04X}\n")
    bad = [f"{sum_ ^ 1:04X}", f"{sum_:04X}0", f"{sum_:03X}"[:3], "", "zzzz", f"{sum_:04X} "]
    answers = [board.answers(f"{text}*{each}\n") for each in bad]

    if "*" in text:  # The first star begins the checksum.
        assert good == ["ERR checksum"]
    else:
        assert good in (["OK"], board.answers("HELLO\n"))
    assert answers == [["ERR checksum"]] * len(bad)


def test_small_letters_are_no_checksum(board: Board) -> None:
    """There is one way to write it."""
    line = line_of("SET red=100 green=1")
    assert line.upper() == line.replace(b"red", b"RED").replace(b"green", b"GREEN")
    text = next(
        f"SET red={n}"
        for n in range(100)
        if f"{crc_hqx(f'SET red={n}'.encode(), 0):X}"[-1] in "ABCDEF"
    )
    sum_ = crc_hqx(text.encode(), 0)

    assert board.answers(f"{text}*{sum_:04x}\n") == ["ERR checksum"]
    assert board.answers(f"{text}*{sum_:04X}\n") == ["OK"]


def test_who_has_sent_a_checksum_sends_it_always(board: Board) -> None:
    """A line that lost its end, and its checksum with it, is no line; HELLO alone begins anew."""
    assert board.answers(line_of("SET red=100 green=100")) == ["OK"]

    refused = [board.answers(line) for line in ("SET green=100\n", "BYE\n", "HELLO x\n")]

    assert refused == [["ERR checksum"]] * 3
    assert board.lit() == {"red", "green"}
    assert board.answers("HELLO\n")[0].startswith("READY ")
    board.show("amber=100")
    assert board.lit() == {"amber"}


# Noise.


def test_half_a_line_ends_with_the_next_line_feed(board: Board) -> None:
    """A host that was killed in the middle of a line: its half is not obeyed, and not added to."""
    red, green = (encode_own(Frame.of({each: 1}))[0] for each in (Channel.RED, Channel.GREEN))
    assert board.answers(red) == ["OK"]

    for end in range(1, len(green) - 1):
        board.say(green[:end])
        answers = board.answers(b"\n" + line_of("HELLO"), seconds=0.15)
        assert answers[0] == "ERR checksum"
        assert answers[1].startswith("READY buildlight 1 ")
        assert board.lit() == {"red"}


def test_a_broken_line_of_the_driver_is_never_a_colour(board: Board) -> None:
    """300 lines with one to three bytes changed, lost or added: red stays, and nothing else."""
    chance = random.Random(6)
    line = encode_own(Frame.of({Channel.RED: 1, Channel.AMBER: 0.5}))[0]
    assert board.answers(line) == ["OK"]
    since = board.now

    for _ in range(300):
        answers = board.answers(broken(line, chance), seconds=0.04)
        assert set(answers) <= {"OK", "ERR text", "ERR checksum", "ERR value", "ERR command"}
    board.answers("\n")

    assert board.lit(since, board.now) <= {"red", "amber"}
    assert board.share("red", since, board.now) == pytest.approx(1)
    assert board.answers(line) == ["OK"]


def broken(line: bytes, chance: random.Random) -> bytes:
    """Return *line* with one to three bytes changed, lost or added; its end is where it was."""
    bytes_ = bytearray(line[:-1])
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(bytes_))
        what = chance.choice(("change", "flip", "lose", "add"))
        if what == "change":
            bytes_[at] = chance.choice(PRINTABLE)
        elif what == "flip":
            bytes_[at] ^= 1 << chance.randrange(8)
        elif what == "lose":
            del bytes_[at]
        else:
            bytes_.insert(at, chance.choice(PRINTABLE))
    return bytes(bytes_).replace(b"\n", b"") + b"\n"


PRINTABLE = bytes(range(0x20, 0x7F))
WORDS = (
    *("SET", "HELLO", "BYE", "red", "amber", "green", "buzzer", "ttl", "=", "=100", "=50~2000"),
    *("/500,500", "~1000", ",", " ", "*", "*0000", "100", "0", "65536", "9" * 12, "\r", "x"),
)


def random_line(chance: random.Random) -> bytes:
    """Return a line as nobody would write it: of bytes, of words, or of words that make sense."""
    match chance.randrange(5):
        case 0:
            line = b"HELLO"  # From here on, no checksum is wanted.
        case 1:
            line = chance.randbytes(chance.randrange(60))
        case 2:
            line = bytes(chance.choices(PRINTABLE, k=chance.randrange(150)))
        case 3:
            line = "".join(chance.choices(WORDS, k=chance.randrange(12))).encode()
        case _:
            keys = chance.choices(("red", "amber", "buzzer", "blue"), k=chance.randrange(4))
            values = (chance.choice(("100", "7/200,200", "50~2000", "200", "1/1")) for _ in keys)
            line = " ".join(["SET", *map("=".join, zip(keys, values, strict=True))]).encode()
            if chance.random() < 0.5:
                line = line_of(line.decode()).strip()
    return line.replace(b"\n", b"") + b"\n"


def test_a_thousand_random_lines_are_taken_alike_by_every_light(board: Board) -> None:
    """One answer each, none to an empty one; the lights agree in what they say and show."""
    chance = random.Random(1000)
    every = set()
    with Board(pico()) as other:
        for number in range(1000):
            line = random_line(chance)
            seconds = 0.06 + len(line) * 0.0003
            said = board.answers(line, seconds=seconds)
            also = other.answers(line, seconds=seconds)
            assert said_of(said) == said_of(also), line
            assert len(said) == (0 if line.strip(b"\r\n") == b"" else 1), line
            every |= {answer.split(" channels")[0] for answer in said}
            if number % 100 == 99:
                assert shown(board) == pytest.approx(shown(other), abs=0.03)

    words = ("text", "long", "checksum", "value", "command")
    assert every == {"OK", "READY buildlight 1", *(f"ERR {word}" for word in words)}
    board.answers("HELLO\n")
    board.show("green=100/500,500")
    assert board.lit() == {"green"}


def said_of(answers: Sequence[str]) -> list[str]:
    """Return what was said, less what the lights call themselves."""
    return [answer.split(" firmware=")[0] for answer in answers]


def shown(board: Board) -> list[float]:
    """Return how bright each channel is in the next two seconds."""
    since = board.now
    board.wait(2.0)
    return [board.share(channel, since, board.now) for channel in CHANNELS]


def received(data: bytes, *, sent: int, heard: int) -> list[tuple[int, bool]]:
    """Return the bytes that come of *data* on a receiver of another baud rate.

    Each with whether its stop bit was missing. Bits last 1 / *sent* seconds, and are looked at in
    the middle of 1 / *heard*.
    """
    bits = [1]
    for byte in data:
        bits += [0, *((byte >> number) & 1 for number in range(8)), 1]
    bits += [1] * 12

    def at(seconds: float) -> int:
        return bits[min(int(seconds * sent), len(bits) - 1)]

    found, now, step = [], 0.0, 1 / heard
    while now * sent < len(bits) - 12:
        if at(now) == 1:
            now += step / 16
            continue
        value = sum(at(now + (number + 1.5) * step) << number for number in range(8))
        found.append((value, at(now + 9.5 * step) == 0))
        now += 9.5 * step
    return found


@pytest.mark.parametrize("baud", [1200, 9600, 19_200, 57_600, 115_200])
def test_a_host_at_another_speed_is_no_host(board: Board, baud: int) -> None:
    """Its lines are garbage: never green, no sign of life, and forgotten with the next line."""
    green = encode_own(Frame.of({Channel.GREEN: 1}))[0]
    garbage = received(green * 3, sent=baud, heard=38_400)
    assert bytes(byte for byte, _ in garbage) != green * 3
    since = board.show("red=100", ttl=2)

    for _ in range(4):
        for spoilt, run in groupby(garbage, key=lambda pair: pair[1]):
            (board.spoil if spoilt else board.say)(bytes(byte for byte, _ in run))
        board.wait(1.0)

    assert "green" not in board.lit(since, board.now)
    assert board.lit(board.now - 1.5, board.now) == {"amber"}
    board.answers("\n")
    board.show("green=100")
    assert board.lit() == {"green"}


def test_the_speed_that_is_right_is_read_rightly() -> None:
    """What garbles lines in the test before does not garble them all."""
    line = line_of("SET green=100")

    assert received(line, sent=38_400, heard=38_400) == [(byte, False) for byte in line]
