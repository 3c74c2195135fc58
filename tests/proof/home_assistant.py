"""Home Assistant's own code as the client: `python home_assistant.py BUILDLIGHT`.

It runs in the Python of Home Assistant, in an environment of its own (.ci/home-assistant makes
one); BUILDLIGHT is the program of another. A mosquitto, a CI server and a daemon that publishes
are real. Each step waits for what a person would see; a step that does not come is a failure.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from homeassistant import loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.bootstrap import async_load_base_functionality
from homeassistant.config_entries import ConfigEntries
from homeassistant.const import __version__ as version
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from support.mosquitto import Mosquitto, mosquitto
from support.servers import Answer, FeedServer

PATIENCE = 60.0
NAME = "{{ 7*7 }} <b>"
"""A lamp that would be 49, were its name evaluated."""
FEED = (
    '<Projects><Project name="shop" activity="Sleeping" lastBuildStatus="{}" '
    'lastBuildLabel="{}" lastBuildTime="2026-11-21T10:00:00Z" webUrl="http://ci.example/"/>'
    "</Projects>"
)


class Home:
    """A running Home Assistant, and what a person sees in it."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass

    def states(self) -> dict[str, str]:
        """Return the state of each entity of ours, by its name."""
        return {
            str(each.attributes.get("friendly_name")).removeprefix("buildlight office "): each.state
            for each in self.hass.states.async_all()
            if "buildlight office" in str(each.attributes.get("friendly_name"))
        }

    async def until(self, what: str, holds: Callable[[dict[str, str]], bool]) -> None:
        """Wait until *holds*, and tell."""
        begun = time.monotonic()
        while not holds(self.states()):
            if time.monotonic() > begun + PATIENCE:
                raise SystemExit(f"not so: {what}: {self.states()}")
            await asyncio.sleep(0.05)
        print(f"{what} ({time.monotonic() - begun:.1f} s)", flush=True)


async def home(folder: Path, broker: Mosquitto) -> Home:
    """Start Home Assistant with its MQTT integration at *broker*."""
    entry: dict[str, object] = {
        "created_at": "2026-01-01T00:00:00+00:00", "modified_at": "2026-01-01T00:00:00+00:00",
        "data": {"broker": "127.0.0.1", "port": broker.port, "discovery": True},
        "disabled_by": None, "discovery_keys": {}, "domain": "mqtt", "entry_id": "mqtt",
        "minor_version": 2, "options": {}, "pref_disable_new_entities": False,
        "pref_disable_polling": False, "source": "user", "subentries": [], "title": "mqtt",
        "unique_id": None, "version": 1,
    }  # fmt: skip
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    stored = {"version": 1, "minor_version": 5, "key": "core.config_entries"}
    (storage / "core.config_entries").write_text(
        json.dumps({**stored, "data": {"entries": [entry]}})
    )
    (folder / "configuration.yaml").touch()
    hass = HomeAssistant(str(folder))
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = ConfigEntries(hass, {})
    await async_load_base_functionality(hass)
    hass.auth = await auth_manager_from_config(hass, [], [])
    for domain in ("http", "mqtt"):
        if not await async_setup_component(hass, domain, {"http": {"server_host": "127.0.0.1"}}):
            raise SystemExit(f"Home Assistant cannot set {domain} up")
    await hass.async_start()
    return Home(hass)


class Poller:
    """A daemon of ours that publishes what *ci* says."""

    def __init__(self, program: str, folder: Path, broker: Mosquitto, ci: FeedServer) -> None:
        self._program, self._folder = program, folder
        folder.mkdir()
        self._rest = (
            f'interval = 0.5\n[[feeds]]\nname = "web"\nurl = "{ci.url()}"\n[mqtt]\n'
            f'address = "{broker.address}"\nname = "office"\nhomeassistant = true\n'
        )
        self._address = broker.address
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *lamps: str) -> None:
        """Run with *lamps*, by name."""
        tables = "".join(
            f"[[lamps]]\nname = {json.dumps(name)}\n{self._light(number)}\n"
            for number, name in enumerate(lamps)
        )
        (self._folder / "buildlight.toml").write_text(self._rest + tables)
        places = dict.fromkeys(("XDG_RUNTIME_DIR", "HOME", "STATE_DIRECTORY"), str(self._folder))
        self._process = subprocess.Popen(
            [self._program, "run", "--config", self._folder / "buildlight.toml"],
            env={**places, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _light(self, number: int) -> str:
        command = f'{{ topic = "light/{number}", payload = "{{rgb_hex}}" }}'
        return f'driver = "mqtt"\naddress = "{self._address}"\ncommands = [{command}]'

    def end(self, *, kill: bool = False) -> None:
        """Stop, or *kill* it."""
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait()


async def story(program: str, stack: ExitStack) -> None:
    """Play everything that a person may see."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "broker").mkdir()
    broker = stack.enter_context(mosquitto(folder / "broker"))
    ci = stack.enter_context(FeedServer(Answer(FEED.format("Success", 1).encode())))
    poller = Poller(program, folder / "poller", broker, ci)
    stack.callback(poller.end)
    there = await home(folder / "home", broker)
    lamp, problem = NAME, f"{NAME} problem"
    poller.start(NAME, "shelf")
    await there.until("the lamps appear, names literally", lambda now: {lamp, "shelf"} <= {*now})
    await there.until(
        "passing: the signal, no problem, news",
        lambda now: (now[lamp], now[problem], now["News"]) == ("passing", "off", "on"),
    )
    ci.answer = Answer(FEED.format("Failure", 2).encode())
    await there.until(
        "broken: a problem, and an event",
        lambda now: (
            (now[lamp], now[problem]) == ("broken", "on")
            and now["Build"] not in ("unknown", "unavailable")
        ),
    )
    ci.answer = Answer(b"", status=503)
    await there.until(
        "the server is down: still a problem", lambda now: now[lamp] == "broken-stale"
    )
    ci.answer = Answer(FEED.format("Success", 3).encode())
    await there.until("fixed", lambda now: (now[lamp], now[problem]) == ("passing", "off"))
    ci.answer = Answer(b"", status=503)
    await there.until(
        "the server is down: no problem is known, and none is denied",
        lambda now: (now[lamp], now[problem]) == ("stale", "unknown"),
    )
    poller.end(kill=True)
    await there.until(
        "killed: unavailable, and no news",
        lambda now: (now[lamp], now[problem], now["News"]) == ("unavailable", "unavailable", "off"),
    )
    ci.answer = Answer(FEED.format("Success", 3).encode())
    poller.start("shelf")
    await there.until(
        "a lamp that was taken out is gone, the other is back",
        lambda now: lamp not in now and now.get("shelf") == "passing",
    )
    poller.end()
    await there.until("stopped: unavailable", lambda now: now["shelf"] == "unavailable")
    await there.hass.async_stop(force=True)
    print(f"Home Assistant {version}, {time.strftime('%Y-%m-%d')}: all of it is so")


if __name__ == "__main__":
    with ExitStack() as everything:
        asyncio.run(story(sys.argv[1], everything))
