"""The lamp on the terminal: in colour on a real terminal, a line a change elsewhere."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import pytest

from buildlight.drivers import PatternDriver
from buildlight.drivers.console import COLOURS, GLASS, ConsoleLight, ConsoleOptions
from buildlight.errors import LightUnavailable
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, OFF, Channel, Frame


def told(share: float) -> dict[str, str]:
    """Return how a terminal is told each colour, when it is as bright as *share*."""
    return {
        channel.value: "38;2;" + ";".join(str(round(part * share)) for part in colour)
        for channel, colour in COLOURS.items()
    }


LIT, DIM = told(1), told(GLASS)

PREAMBLE = """
import sys
from buildlight.drivers.console import ConsoleLight, ConsoleOptions
from buildlight.errors import LightUnavailable
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import Channel, Frame
light = ConsoleLight(ConsoleOptions())
"""


def on_a_terminal(play: str, until: Callable[[str], bool], **environment: str) -> str:
    """Return what a terminal gets from a light that does *play*, then is closed, twice.

    It is closed as soon as the screen is as *until* wants it.
    """
    program = f"{PREAMBLE}{play}\nsys.stdin.readline()\nlight.close()\nlight.close()\n"
    terminal, inside = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdin=subprocess.PIPE,
        stdout=inside,
        stderr=inside,
        env={"TERM": "xterm-256color", "COLORTERM": "truecolor", **environment},
    )
    os.close(inside)
    got = b""
    with suppress(OSError):  # EIO: nobody holds the other end any more
        while part := os.read(terminal, 65_536):
            got += part
            if until(got.decode(errors="ignore")) and running.stdin and not running.stdin.closed:
                running.stdin.write(b"\n")
                running.stdin.close()
    os.close(terminal)
    assert running.wait(timeout=50) == 0, got.decode()
    return got.decode()


def without_a_terminal(program: str) -> str:
    """Return what a pipe gets from *program*, in which a light is open."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREAMBLE + program],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_terminal_shows_the_lamp_in_colour() -> None:
    """Red is red: the other lamps are dark glass, and the pattern's name stands below."""
    screen = on_a_terminal("light.play(parse_pattern('red'))", lambda seen: "  red" in seen)

    first = screen[: screen.index("  red")]
    assert LIT["red"] in first
    assert LIT["amber"] not in first
    assert LIT["green"] not in first
    assert DIM["amber"] in first
    assert DIM["green"] in first
    assert "██" in first


def test_a_terminal_without_blocks_shows_the_lamp_in_ascii() -> None:
    """Lit and dark lamps are told apart where the encoding has no blocks, and without colour."""
    screen = on_a_terminal(
        "light.play(parse_pattern('red'))",
        lambda seen: "  red" in seen,
        PYTHONIOENCODING="ascii",
        NO_COLOR="1",
    )

    assert "  ######  ......  ......" in screen
    assert LIT["red"] not in screen


def test_a_terminal_that_cannot_move_its_cursor_gets_lines() -> None:
    """As where there is no terminal."""
    screen = on_a_terminal(
        "light.play(parse_pattern('red'))", lambda seen: "lamp: red" in seen, TERM="dumb"
    )

    assert screen.split("\r\n") == ["lamp: red", "lamp: off", ""]


def test_closing_leaves_a_dark_lamp_on_the_terminal() -> None:
    """The last thing that stays on the screen is no lit lamp."""
    screen = on_a_terminal("light.play(parse_pattern('green'))", lambda seen: "  green" in seen)

    last = screen[screen.rindex(LIT["green"]) + 1 :]
    assert all(dim in last for dim in DIM.values())
    assert "  off" in last


def test_the_terminal_gets_its_cursor_back() -> None:
    """After the lamp the shell's cursor is there again."""
    screen = on_a_terminal("light.play(parse_pattern('green'))", lambda seen: "  green" in seen)

    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h") == 1
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l")


def test_a_pattern_goes_on_by_itself() -> None:
    """A blinking lamp blinks on the screen without anybody calling again."""

    def blinked(seen: str) -> bool:
        return DIM["amber"] in seen[seen.find(LIT["amber"]) :] and LIT["amber"] in seen

    screen = on_a_terminal("light.play(parse_pattern('amber blink'))", blinked)

    assert blinked(screen[: screen.index("  off")])


def test_a_change_is_drawn_at_once() -> None:
    """Two patterns in a row are both seen, however quickly the second follows."""
    screen = on_a_terminal(
        "light.play(parse_pattern('green'))\nlight.play(parse_pattern('red'))",
        lambda seen: "  red" in seen,
    )

    assert screen.index(LIT["green"]) < screen.index(LIT["red"])


def test_a_still_frame_is_drawn_on_a_terminal() -> None:
    """The wiring test's single colours are seen on the screen too."""
    screen = on_a_terminal(
        "light.show(Frame.of({Channel.AMBER: 1}))", lambda seen: "  amber" in seen
    )

    assert LIT["amber"] in screen
    assert LIT["red"] not in screen


def test_a_terminal_that_goes_away_does_not_disturb_the_close() -> None:
    """Closing a light whose window was closed raises nothing."""
    program = (
        "light.play(parse_pattern('red'))\n"
        "print('drawn', file=sys.__stderr__, flush=True)\n"
        "sys.stdin.readline()\n"
        "light.close()\n"
        "light.close()\n"
        "sys.stderr.write('closed\\n')\n"
    )
    terminal, inside = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + program],
        stdin=subprocess.PIPE,
        stdout=inside,
        stderr=subprocess.PIPE,
        env={"TERM": "xterm-256color"},
        text=True,
    )
    os.close(inside)
    assert running.stderr is not None
    while "drawn" not in running.stderr.readline():
        assert running.poll() is None
    os.close(terminal)

    _, said = running.communicate("\n", timeout=50)

    assert "closed" in said.splitlines()


def test_a_pipe_gets_a_line_a_change() -> None:
    """In a log the lamp is a plain line for each change, and one for the end."""
    lines = without_a_terminal(
        "light.play(parse_pattern('red pulse'))\n"
        "light.play(parse_pattern('green'))\n"
        "light.show(Frame.of({Channel.AMBER: 0.5}))\n"
        "light.close()\n"
        "light.close()"
    )

    assert lines == "lamp: red pulse\nlamp: green\nlamp: amber 50%\nlamp: off\n"


def test_a_pipe_gets_each_line_at_once() -> None:
    """Who follows a log sees the change when it happens, not when the daemon ends."""
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            PREAMBLE + "light.play(parse_pattern('red'))\nsys.stdin.readline()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        running.communicate("\n", timeout=50)

    assert line == "lamp: red\n"


def test_a_light_that_showed_nothing_closes_silently(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that never lit its lamp says nothing about it."""
    ConsoleLight(ConsoleOptions()).close()

    assert capsys.readouterr() == ("", "")


def test_rich_is_not_imported_for_a_pipe() -> None:
    """A service without a terminal does not pay for the drawing."""
    lines = without_a_terminal(
        "light.play(parse_pattern('red'))\nlight.close()\nprint('rich' in sys.modules)"
    )

    assert lines.splitlines()[-1] == "False"


@contextmanager
def nobody_reads() -> Iterator[TextIO]:
    """Make standard output a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield stream
    with suppress(OSError):  # What nobody read is still in the buffer.
        stream.close()


def test_a_broken_pipe_is_a_lost_light() -> None:
    """A reader that went away is told as a light that went away; closing says nothing."""
    light = ConsoleLight(ConsoleOptions())

    with nobody_reads():
        with pytest.raises(LightUnavailable) as caught:
            light.play(OFF)
        light.close()
        light.close()

    assert str(caught.value) == "standard output is closed"


def test_a_closed_output_is_a_lost_light() -> None:
    """The same for an output that was closed."""
    light = ConsoleLight(ConsoleOptions())

    with nobody_reads() as output:
        output.close()
        with pytest.raises(LightUnavailable, match="standard output is closed"):
            light.show(DARK)
        light.close()


def test_a_console_has_three_lamps_and_many_shades() -> None:
    """Patterns are fitted to red, amber and green, and breathe."""
    options = ConsoleOptions()

    assert options.channels == {Channel.RED, Channel.AMBER, Channel.GREEN}
    assert options.dims
    assert options.claims == {"the terminal"}
    assert isinstance(ConsoleLight(options), PatternDriver)


def test_the_name_below_the_lamp_is_the_patterns_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is played is said as it was written."""
    light = ConsoleLight(ConsoleOptions())

    light.play(parse_pattern("red,  amber   double-blink"))
    light.show(Frame.of({Channel.RED: 1, Channel.GREEN: 1}))

    assert capsys.readouterr().out == "lamp: red, amber double-blink\nlamp: green, red\n"
