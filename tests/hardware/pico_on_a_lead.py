"""The Pico's protocol class on a lead, under any Python: the same commands as ``chip.c`` has.

    python3 pico_on_a_lead.py FOLDER_OF_LIGHT_PY

Time is in milliseconds, and a level is in per cent. The same words serve under MicroPython, where
``pico_on_a_lead.mjs`` calls :func:`obey` line by line.
"""

import sys


class Lead:
    """A light, the time that has passed for it, and what of it was told."""

    def __init__(self, light_class: type, ready: str, channels: tuple[str, ...]) -> None:
        self._make = light_class
        self._ready = ready
        self._channels = channels
        self._now = 0
        self._shown = dict.fromkeys(channels, 0)
        self._told: list[str] = []
        self._unplug()

    def obey(self, line: str) -> str:
        """Do what *line* says, and return the lines that tell of it."""
        command, _, rest = line.strip().partition(" ")
        if command == "say":
            for at in range(0, len(rest), 2):
                self._hear(int(rest[at : at + 2], 16))
        elif command == "wait":
            for _ in range(int(rest)):
                self._now += 1
                self._light.advance(1)
                self._look()
        elif command == "spoil":  # There is no such thing as a stop bit on USB.
            for _ in range(0, len(rest), 2):
                self._hear(0xFF)
        elif command == "unplug":
            self._unplug()
        told = self._told + [f"now {self._now}"]  # noqa: RUF005 - not every MicroPython knows the star
        self._told = []
        return "\n".join(told)

    def _unplug(self) -> None:
        self._light = self._make()
        self._say(self._ready)
        self._look()

    def _hear(self, byte: int) -> None:
        answer = self._light.hear(byte)
        if answer:
            self._say(answer)
        self._look()

    def _say(self, text: str) -> None:
        self._told.append(f"heard {self._now} {(text + chr(10)).encode().hex()}")

    def _look(self) -> None:
        for channel in self._channels:
            level = self._light.level(channel)
            if level != self._shown[channel]:
                self._told.append(f"pin {self._now} {channel} {level}")
                self._shown[channel] = level


def main() -> None:
    """Obey until nobody says anything more."""
    sys.path.insert(0, sys.argv[1])
    from light import CHANNELS, READY, Light  # noqa: PLC0415 - the argument says where it is

    lead = Lead(Light, READY, CHANNELS)
    for line in sys.stdin:
        print(lead.obey(line), flush=True)  # noqa: T201 - whoever holds the lead reads it


if __name__ == "__main__":
    main()
