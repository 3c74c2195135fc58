"""The connection to a light: a serial port, or a TCP connection instead of one.

Both raise only :class:`errors.LightUnavailable`, with a sentence.
"""

import errno
import os
import select
import socket
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import serial

from buildlight.errors import LightBusy, LightUnavailable
from buildlight.network.deadline import Deadline, connect

WRITE_TIMEOUT = 1.0
"""Seconds that a write may take before the light counts as lost."""
CONNECT_TIMEOUT = 3.0
"""Seconds that a connection to a light on the network may take."""
PROBES = 3
"""TCP keepalive: seconds between probes, and the number of probes before the light is lost."""
TCP = "socket://"


class LightPort(Protocol):
    """An open connection to a light, used from one thread."""

    def probe(self) -> None:
        """Check that the light is still there, and discard what it sent meanwhile."""
        ...

    def write(self, sent: bytes) -> None:
        """Send all of *sent*."""
        ...

    def read(self, timeout: float) -> bytes:
        """Return the first bytes that the light sends within *timeout* seconds."""
        ...

    def close(self, *, discard: bool = False) -> None:
        """Close; with *discard*, drop what was not sent yet. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """The levels of a port's control lines while it is open; ``None``: as the system has them."""

    dtr: bool | None = None
    rts: bool | None = None


def open_port(name: str, *, baud: int, lines: Lines = Lines()) -> LightPort:
    """Open the port *name*, or the connection if it is a ``socket://`` address."""
    if name.startswith(TCP):
        return TcpPort(name)
    return SerialPort(name, baud=baud, lines=lines)


def address_of(name: str) -> tuple[str, int]:
    """Return host and port of ``socket://host:port``; raises :class:`ValueError`."""
    parts = urlsplit(name)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    # A light has no use for a user, a path or a query.
    plain = parts.netloc == name.removeprefix(TCP) and "@" not in parts.netloc
    if not host or not port or not plain:
        raise ValueError("is not an address; write it as socket://host:10001")
    return host, port


class SerialPort:
    """A serial port, opened exclusively."""

    def __init__(self, name: str, *, baud: int, lines: Lines = Lines()) -> None:
        self._name = name
        try:
            self._port = serial.Serial(
                None, baud, timeout=0, write_timeout=WRITE_TIMEOUT, exclusive=True
            )
            self._port.port = name
            # Before it opens: pyserial raises both lines otherwise, and a board restarts.
            if lines.dtr is not None:
                self._port.dtr = lines.dtr
            if lines.rts is not None:
                self._port.rts = lines.rts
            self._port.open()
        except (OSError, ValueError, termios.error) as exc:
            raise _unavailable(name, exc) from exc
        self._identity = _identity(os.fstat(self._port.fileno()))

    def probe(self) -> None:
        """Check that the name still belongs to the open device, and that the device responds."""
        with self._guarded():
            self._port.read(self._port.in_waiting)
            if _identity(Path(self._name).stat()) != self._identity:
                raise FileNotFoundError

    def write(self, sent: bytes) -> None:
        """Send all of *sent*. It does not flush: flush has no time-out and could wait for ever."""
        with self._guarded():
            self._port.write(sent)

    def read(self, timeout: float) -> bytes:
        """Return what has arrived, or what arrives first within *timeout* seconds."""
        with self._guarded():
            if not select.select([self._port.fileno()], [], [], timeout)[0]:
                return b""
            # Read at least one byte: a port that is ready but empty has hung up, and read says so.
            return bytes(self._port.read(max(1, self._port.in_waiting)))

    def close(self, *, discard: bool = False) -> None:
        """Close the port; the kernel first sends what is left, unless it is discarded."""
        with suppress(OSError, termios.error):
            if discard:
                self._port.reset_output_buffer()
        with suppress(OSError):
            self._port.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except serial.SerialTimeoutException as exc:
            raise LightUnavailable(
                f"{self._name} accepted no data for {WRITE_TIMEOUT:.0f} s"
            ) from exc
        except (OSError, termios.error) as exc:  # termios.error is not an OSError
            raise LightUnavailable(f"{self._name} is gone; is it plugged in?") from exc


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_rdev


def _unavailable(name: str, exc: Exception) -> LightUnavailable:
    number = getattr(exc, "errno", None)
    if number in (errno.EAGAIN, errno.EBUSY):
        return LightBusy(f"{name} is held by another program")
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return LightUnavailable(f"no port {name}; is the light plugged in?")
    if number == errno.EPERM:  # systemd's device filter
        return LightUnavailable(
            f"{name} is forbidden to this service; add DeviceAllow={name} rw to its unit"
        )
    if number == errno.EACCES:
        return LightUnavailable(f"no permission for {name}; add the user to group dialout")
    return LightUnavailable(f"{name} is not a usable serial port")


class TcpPort:
    """A TCP connection to a light, or to a network box with its serial port.

    Not pyserial's ``socket://``: it keeps the socket of a peer that is gone, and sleeps in
    close.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        try:
            self._socket = connect(*address_of(name), Deadline(CONNECT_TIMEOUT))
        except TimeoutError as exc:
            raise LightUnavailable(f"{name} timed out; is the light switched on?") from exc
        except socket.gaierror as exc:
            raise LightUnavailable(f"cannot resolve {name}; is the name right?") from exc
        except OSError as exc:
            raise LightUnavailable(
                f"connection to {name} refused; is the light switched on?"
            ) from exc
        for level, option, value in (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PROBES * 1000),
        ):
            self._socket.setsockopt(level, option, value)
        self._socket.settimeout(WRITE_TIMEOUT)

    def probe(self) -> None:
        """Check whether the other side hung up; the kernel's probes check whether it is there."""
        self.read(0)

    def write(self, sent: bytes) -> None:
        """Send all of *sent*."""
        try:
            self._socket.sendall(sent)
        except TimeoutError as exc:
            raise LightUnavailable(
                f"{self._name} accepted no data for {WRITE_TIMEOUT:.0f} s"
            ) from exc
        except OSError as exc:
            raise self._gone() from exc

    def read(self, timeout: float) -> bytes:
        """Return what has arrived, or what arrives first within *timeout* seconds."""
        try:
            if not select.select([self._socket], [], [], timeout)[0]:
                return b""
            heard = self._socket.recv(65_536)
        except OSError as exc:
            raise self._gone() from exc
        if not heard:
            raise self._gone()
        return heard

    def close(self, *, discard: bool = False) -> None:  # noqa: ARG002 - the kernel handles it
        """Close the connection."""
        with suppress(OSError):
            self._socket.close()

    def _gone(self) -> LightUnavailable:
        return LightUnavailable(f"{self._name} closed the connection; is the light switched on?")
