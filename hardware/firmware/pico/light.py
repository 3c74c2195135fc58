"""The light's side of hardware/protocol.md: what it hears, what it answers, what it shows.

In here are no pins, no wire and no clock; ``main.py`` has them. Runs under MicroPython and under
CPython alike.
"""

LINE_FEED, CARRIAGE_RETURN = 0x0A, 0x0D
PRINTABLE = range(0x20, 0x7F)
CHANNELS = ("red", "amber", "green", "buzzer")
LONGEST_LINE = 120
MOST_TIMES = 8
MOST_DIGITS = 6
USUAL_TTL = 30
TTLS = (2, 300)
TIMES = (167, 60_000)
"""Milliseconds: twice the shortest is three flashes a second, and no more."""
BREATHS = (1_000, 60_000)
READY = (
    "READY buildlight 1 channels=red,amber,green,buzzer ttl=30 line=120 firmware=1.0.0 board=pico"
)
# Half a breath, from faint to full, in per cent.
BREATH = (5, 6, 7, 10, 14, 19, 25, 31, 38, 45, 52, 60, 67, 74, 80, 86, 91, 95, 98, 99, 100)
BREATH_STEPS = 40


class Stroke:
    """What one channel shows: a level in per cent, and its times in milliseconds.

    No times: steady. One: a breath of so long. More: on, off, on, off.
    """

    def __init__(self, level: int = 0, times: tuple[int, ...] = ()) -> None:
        self.level = level
        self.times = times

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stroke) and self.level == other.level and self.times == other.times

    def __hash__(self) -> int:
        return hash((self.level, self.times))

    def level_at(self, passed: int) -> int:
        """Return the level, in per cent, so many milliseconds after the start."""
        if not self.times:
            return self.level
        if len(self.times) == 1:
            step = passed % self.times[0] * BREATH_STEPS // self.times[0] + 1
            half = BREATH_STEPS // 2
            # Rounded up: what breathes is never dark.
            return (self.level * BREATH[step if step <= half else 2 * half - step] + 99) // 100
        left = passed % sum(self.times)
        for number, time in enumerate(self.times):
            if left < time:
                return 0 if number % 2 else self.level
            left -= time
        return 0


DARK = {name: Stroke() for name in CHANNELS}
# "Nobody knows", as buildlight shows it too. Never green, whatever was shown before.
LOST = dict(DARK, amber=Stroke(100, (200, 200, 200, 1400)))


class Refusal(Exception):
    """A line that is not obeyed; the text is the answer to it."""


class Light:
    """A light that has just started: nobody has said anything, so the host is lost."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._fault = ""
        self._strict = False
        self._strokes = LOST
        self._passed = dict.fromkeys(CHANNELS, 0)
        self._patience = 0  # Milliseconds until the host is lost; 0: nobody is waited for.

    def level(self, channel: str) -> int:
        """Return how bright *channel* is now, in per cent."""
        level = self._strokes[channel].level_at(self._passed[channel])
        # A buzzer makes its own tone, and none at half its power.
        return 100 if channel == "buzzer" and level else level

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        if 0 < self._patience <= milliseconds:
            milliseconds -= self._patience
            self._patience = 0
            self._show(LOST)
        elif self._patience:
            self._patience -= milliseconds
        for channel in CHANNELS:
            # Kept small: a number that grows for years becomes slow.
            round_time = sum(self._strokes[channel].times) or 1
            self._passed[channel] = (self._passed[channel] + milliseconds) % round_time

    def hear(self, byte: int) -> str:
        """Take one byte. Returns the answer once a line has ended, else an empty text."""
        if byte == CARRIAGE_RETURN:
            return ""
        if byte != LINE_FEED:
            self._take(byte)
            return ""
        answer = self._fault
        if not answer and self._line:
            try:
                answer = self._obey(self._line.decode())
            except Refusal as refusal:
                answer = str(refusal)
        self._line = bytearray()
        self._fault = ""
        return answer

    def _take(self, byte: int) -> None:
        if self._fault:
            return
        if byte not in PRINTABLE:
            self._fault = "ERR text"
        elif len(self._line) == LONGEST_LINE:
            self._fault = "ERR long"
        else:
            self._line.append(byte)

    def _obey(self, line: str) -> str:
        words = [word for word in self._checked(line).split(" ") if word]
        if words and words[0] == "SET":
            return self._set(words[1:])
        if words and words[0] == "HELLO":
            return READY
        if words and words[0] == "BYE":
            self._patience = 0
            self._show(DARK)
            return "OK"
        raise Refusal("ERR command")

    def _checked(self, line: str) -> str:
        """Return *line* without its checksum, which is right, or not wanted.

        Who has sent one sends it always, so that no half of a line is taken for a whole one.
        HELLO without one is a person who types.
        """
        text, mark, written = line.partition("*")
        if mark and written != f"{checksum(text.encode()):04X}":
            raise Refusal("ERR checksum")
        if mark:
            self._strict = True
        elif line == "HELLO":
            self._strict = False
        elif self._strict:
            raise Refusal("ERR checksum")
        return text

    def _set(self, words: list[str]) -> str:
        strokes = dict(DARK)
        ttl = USUAL_TTL
        for word in words:
            key, mark, value = word.partition("=")
            if not key or not mark:
                raise Refusal("ERR value")
            if key == "ttl":
                ttl = number(value, TTLS)
            elif key in strokes:
                strokes[key] = read_stroke(value)
            # Else it is of a newer protocol, or of a richer light.
        # The same once more is the host's sign of life: its rhythm goes on.
        if strokes != self._strokes:
            self._show(strokes)
        self._patience = ttl * 1000
        return "OK"

    def _show(self, strokes: dict[str, Stroke]) -> None:
        self._strokes = strokes
        self._passed = dict.fromkeys(CHANNELS, 0)


def read_stroke(text: str) -> Stroke:
    """Return what LEVEL, LEVEL~BREATH or LEVEL/ON,OFF,ON,OFF… writes."""
    level, mark, breath = text.partition("~")
    if mark:
        return Stroke(number(level, (0, 100)), (number(breath, BREATHS),))
    level, mark, times = text.partition("/")
    found = [number(each, TIMES) for each in times.split(",")] if mark else []
    if len(found) % 2 or len(found) > MOST_TIMES:
        raise Refusal("ERR value")
    return Stroke(number(level, (0, 100)), tuple(found))


def number(text: str, limits: tuple[int, int]) -> int:
    """Return the number that *text* writes in digits alone, if it is within *limits*."""
    if text and len(text) <= MOST_DIGITS and all(mark in "0123456789" for mark in text):
        value = int(text)
        if limits[0] <= value <= limits[1]:
            return value
    raise Refusal("ERR value")


def checksum(text: bytes) -> int:
    """Return the CRC-16 of *text* as XMODEM has it: polynomial 0x1021, beginning with 0."""
    crc = 0
    for byte in text:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc
