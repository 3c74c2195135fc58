"""How `buildlight init` asks: a person at a terminal, or nobody, where flags are the answers."""

import getpass
import sys
from collections.abc import Sequence
from typing import Protocol, TextIO

ADDRESS = (
    "Address of your CI server or repository (such as https://jenkins.example or "
    "https://github.com/acme/shop)"
)
"""The first question; it stands here because this module imports next to nothing."""


class MissingAnswer(Exception):
    """Nothing can be asked, and the *flag* that would have answered was not given."""

    def __init__(self, flag: str) -> None:
        self.flag = flag
        super().__init__(f"{flag} is missing")


class Asker(Protocol):
    """Whoever answers the questions. Each names the flag that answers it, too."""

    attended: bool
    """Whether there is somebody to ask."""

    def say(self, text: str = "") -> None:
        """Tell the person something."""
        ...

    def text(
        self, question: str, *, flag: str, default: str | None = None, suggestion: str | None = None
    ) -> str:
        """Return a line; the *default* if it is empty, or the *suggestion* if a person saw that."""
        ...

    def choice(self, question: str, options: Sequence[str], *, flag: str, usual: int | None) -> int:
        """Return which of *options* is chosen; *usual* is what an empty line means."""
        ...

    def agrees(self, question: str, *, flag: str, default: bool) -> bool:
        """Return whether the person says yes."""
        ...

    def secret(self, question: str, *, flag: str) -> str:
        """Return a secret, which is not shown; may be empty."""
        ...


class Conversation:
    """A person at a terminal, who reads on *stream*."""

    attended = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str = "") -> None:
        """Write *text* as a line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def text(
        self, question: str, *, flag: str, default: str | None = None, suggestion: str | None = None
    ) -> str:
        """Ask until there is an answer."""
        usual = default if default is not None else suggestion
        shown = f" [{usual}]" if usual else ""
        while True:
            answer = self._line(f"{question}{shown}: ")
            if answer or usual is not None:
                return answer or usual or ""
            self.say(f"Please answer, or leave with Ctrl-C. ({flag} answers it in a script.)")

    def choice(self, question: str, options: Sequence[str], *, flag: str, usual: int | None) -> int:
        """Ask for a number."""
        for number, option in enumerate(options, start=1):
            self.say(f"  {number}  {option}")
        while True:
            suggestion = None if usual is None else str(usual + 1)
            answer = self.text(question, flag=flag, suggestion=suggestion)
            if answer.isdecimal() and 1 <= int(answer) <= len(options):
                return int(answer) - 1
            self.say(f"Please answer with a number from 1 to {len(options)}.")

    def agrees(self, question: str, *, flag: str, default: bool) -> bool:  # noqa: ARG002 - scripts'
        """Ask for yes or no."""
        shown = "Y/n" if default else "y/N"
        while True:
            answer = self._line(f"{question} [{shown}] ").lower()
            if answer in ("", "y", "yes", "n", "no"):
                return answer.startswith("y") if answer else default

    def secret(self, question: str, *, flag: str) -> str:  # noqa: ARG002 - for scripts only
        """Ask without showing what is typed."""
        return getpass.getpass(f"{question}: ", stream=self._stream).strip()

    def _line(self, prompt: str) -> str:
        self._stream.write(prompt)
        self._stream.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()


class Unattended:
    """Nobody: a question is answered by its default, or by its flag, or not at all.

    What would be said to a person goes to standard error.
    """

    attended = False

    def say(self, text: str = "") -> None:
        """Write *text* where it does not mix with a configuration that is printed."""
        sys.stderr.write(f"{text}\n" if text else "")

    def text(
        self,
        question: str,  # noqa: ARG002 - nobody reads it
        *,
        flag: str,
        default: str | None = None,
        suggestion: str | None = None,  # noqa: ARG002 - nobody saw it
    ) -> str:
        """Return the default."""
        if default is None:
            raise MissingAnswer(flag)
        return default

    def choice(
        self,
        question: str,  # noqa: ARG002
        options: Sequence[str],  # noqa: ARG002
        *,
        flag: str,
        usual: int | None,  # noqa: ARG002 - what is found differs from machine to machine
    ) -> int:
        """Nobody chooses."""
        raise MissingAnswer(flag)

    def agrees(self, question: str, *, flag: str, default: bool) -> bool:  # noqa: ARG002
        """Return the default."""
        return default

    def secret(self, question: str, *, flag: str) -> str:  # noqa: ARG002
        """Nobody knows it."""
        raise MissingAnswer(flag)
