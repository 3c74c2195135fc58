"""A connection to an MQTT broker; this module and ``broker_link`` alone know the client library.

Every connection has a client object of its own: one that is kept sends what it could not send
before its newest message, and an old green would be published after a red. No connection keeps
anything at the broker: a backlog would look like live messages.
"""

import asyncio
import logging
import random
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiomqtt

KEEPALIVE = 10
"""Seconds of silence after which both sides ask whether the other is there."""
PATIENCE = 5.0
"""Seconds that a lookup, a connection or an acknowledgement may take."""
LARGEST = 1024 * 1024
"""Largest message in bytes that a broker may send."""
MOST_WAITING = 1000
"""Messages that may wait to be read; more are dropped, and what they said is never believed."""
# Each message that is dropped would be a line, and what matters is raised.
_SILENT = logging.getLogger(f"{__name__}.library")
_SILENT.disabled = True
RETRIES = (1.0, 2.0, 5.0, 10.0)
LONGEST_RETRY = 30.0
AGAIN = 0.5
"""Seconds after which a task that has not ended is cancelled once more."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and how to log in. *make_context* gives the settings for TLS, if used."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    make_context: Callable[[], ssl.SSLContext] | None = None

    @property
    def where(self) -> str:
        """Host and port, for a sentence."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the connection ends without a farewell."""

    topic: str
    payload: str


class BrokerError(Exception):
    """The broker is not there, refuses, or went away; a sentence with a remedy."""


def retries(dice: Callable[[], float] = random.random) -> Iterator[float]:
    """Return the seconds to wait before each further attempt.

    Each is half to one and a half of a step, as *dice* (0 to 1) fall: a thousand followers of a
    broker that was restarted must not come back in one moment.
    """
    return (delay * (0.5 + dice()) for delay in chain(RETRIES, repeat(LONGEST_RETRY)))


async def end(task: "asyncio.Task[None]") -> None:
    """Cancel *task* until it has ended.

    Before Python 3.12 a ``wait_for``, which the library uses, swallows a cancellation that comes
    in the moment in which it is over.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN)
    if not task.cancelled():
        task.exception()  # Retrieved: what it does at its end is nobody's news.


def expiring(seconds: int) -> Any:
    """Return the properties of a message that the broker forgets after *seconds*."""
    from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415 - an extra
    from paho.mqtt.properties import Properties  # noqa: PLC0415

    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = seconds
    return properties


def on_denied(client: "aiomqtt.Client", tell: Callable[[], None]) -> None:
    """Call *tell* whenever the broker takes a message and drops it, which the library ignores."""
    paho = client._client  # noqa: SLF001
    acknowledged: Any = paho.on_publish

    def acknowledge(*arguments: Any) -> None:
        *_, code, _properties = arguments
        if code.is_failure:
            tell()
        acknowledged(*arguments)

    paho.on_publish = acknowledge


@asynccontextmanager
async def connected(broker: Broker, *, will: Will | None = None) -> AsyncIterator["aiomqtt.Client"]:
    """Connect to *broker*, and disconnect in the end; raises :class:`BrokerError`, also later."""
    import aiomqtt  # noqa: PLC0415 - an extra, imported where it is configured

    asyncio.get_running_loop().set_default_executor(_DaemonThreads())
    await _look_up(broker)
    context = await asyncio.get_running_loop().run_in_executor(None, tls_of, broker)
    client = _client(aiomqtt, broker, context, will)
    try:
        async with client:
            yield client
    except aiomqtt.MqttError as exc:
        code = getattr(getattr(exc, "rc", None), "value", None)
        raise BrokerError(sentence(exc, broker, code=code)) from exc
    finally:
        ended = client._disconnected  # noqa: SLF001
        if ended.done() and not ended.cancelled():
            ended.exception()  # Retrieved: asyncio would log it as forgotten.


async def _look_up(broker: Broker) -> None:
    """Resolve the host: the library does so on a thread, without a limit."""
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().getaddrinfo(broker.host, broker.port)
    except TimeoutError:
        raise BrokerError(
            f"{broker.where}: the name lookup takes too long; check the network"
        ) from None
    except OSError as exc:
        raise BrokerError(f"{broker.where}: cannot resolve the host; check the address") from exc


def tls_of(broker: Broker) -> ssl.SSLContext | None:
    """Return the settings for TLS, if it is used; reads files, and raises BrokerError."""
    try:
        return broker.make_context() if broker.make_context is not None else None
    except OSError as exc:
        why = exc.strerror or "is no certificate"
        raise BrokerError(f"{broker.where}: a certificate file cannot be used: {why}") from exc


def _client(
    library: Any, broker: Broker, context: ssl.SSLContext | None, will: Will | None
) -> "aiomqtt.Client":
    return library.Client(  # type: ignore[no-any-return]
        broker.host,
        broker.port,
        username=broker.user,
        password=broker.password,
        protocol=library.ProtocolVersion.V5,
        clean_start=True,
        properties=of_connection(),
        will=library.Will(will.topic, will.payload, qos=1, retain=True) if will else None,
        keepalive=KEEPALIVE,
        timeout=PATIENCE,
        tls_context=context,
        max_queued_incoming_messages=MOST_WAITING,
        logger=_SILENT,
    )


def of_connection() -> Any:
    """Return the properties of a connection: nothing is kept for it, and nothing large comes."""
    from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415 - an extra
    from paho.mqtt.properties import Properties  # noqa: PLC0415

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = LARGEST
    properties.SessionExpiryInterval = 0
    return properties


DENIED = "the broker drops what this user publishes; check its access rules (ACL)"

_LOGIN = "refused the user or password; check user and secret, and the broker's access rules"
_REFUSALS = {
    134: _LOGIN,
    135: _LOGIN,
    133: "refused the client's identifier, which is a random one; see the broker's log",
    138: "has banned this client; see the broker's log",
}


def sentence(exc: object, broker: Broker, *, code: int | None = None) -> str:
    """Return what *exc* means, or the reason *code* with which *broker* refused."""
    if code in _REFUSALS:
        return f"{broker.where}: the broker {_REFUSALS[code]}"
    text = str(exc).lower()
    if "certificate" in text or "ssl" in text or "tls" in text:
        return (
            f"{broker.where}: TLS handshake failed; check ca_file, the port and the broker's name"
        )
    if "refused" in text:
        return f"{broker.where}: connection refused; is the broker running?"
    if "timed out" in text:
        # A client's certificate is refused after the handshake, and the library waits on.
        why = "is it a broker?" if broker.make_context is None else "check client_cert, and its log"
        return f"{broker.where}: no answer within {PATIENCE:.0f} seconds; {why}"
    return f"{broker.where}: the connection to the broker was lost"


class _DaemonThreads(ThreadPoolExecutor):
    """Threads that nobody waits for: the library connects in one, and the exit must not wait."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Call *fn* in a thread of its own."""
        future: Future[Any] = Future()
        work = partial(_fulfil, future, partial(fn, *args, **kwargs))
        threading.Thread(target=work, name="broker", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Wait for nothing."""


def _fulfil(future: "Future[Any]", call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    with suppress(RuntimeError):  # The loop has ended meanwhile.
        try:
            result = call()
        except BaseException as exc:  # noqa: BLE001 - it is raised where somebody waits
            future.set_exception(exc)
        else:
            future.set_result(result)
