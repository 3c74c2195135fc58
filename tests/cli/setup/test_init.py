"""`buildlight init` as people use it: terminals, servers, every answer, every interruption."""

import io
import json
import os
import stat
import subprocess
import sys
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from buildlight.cli import main
from buildlight.cli.setup import init
from buildlight.config.settings import load_settings
from buildlight.service import install
from buildlight.system import paths
from support.servers import Answer, FeedServer, Request
from support.terminal import CTRL_C, CTRL_D, Talk

TOKEN = "s3cret-token-of-the-lamp"
PINS = "red=17,amber=27,green=22"
ADDRESS, USER, SECRET = "Address of your CI server", "User (empty", "(not shown; empty: go back)"
PROJECTS, LIGHT, PIN = "Which projects count?", "Number of the light", "GPIO number of each colour"
PAGE, START, SEEN = "Show a page to the office", "Start it in this terminal?", "Do you see it?"

TWO = (
    b'<Projects><Project name="shop" activity="Sleeping" lastBuildStatus="Success"'
    b' lastBuildLabel="7" lastBuildTime="2026-11-20T11:00:00Z"/>'
    b'<Project name="nightly" activity="Sleeping" lastBuildStatus="Failure"'
    b' lastBuildLabel="3" lastBuildTime="2026-11-20T11:00:00Z"/></Projects>'
)

AS_SOMEBODY = """
import os, sys
from pathlib import Path
from buildlight.system import paths
paths.SYSTEM = Path(os.environ["TRIAL"], "etc", "buildlight")
os.geteuid = lambda: int(os.environ["TRIAL_USER"])
from buildlight.cli import main
sys.exit(main())
"""
"""The program with its system folder elsewhere, as root or as somebody else."""


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Mock pins, no proxy, and no folder of whoever runs the tests."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("TRIAL", str(tmp_path))
    monkeypatch.setenv("TRIAL_USER", "1000")
    for name in ("config", "state", "run"):
        variable = {"run": "XDG_RUNTIME_DIR"}.get(name, f"XDG_{name.upper()}_HOME")
        monkeypatch.setenv(variable, str(tmp_path / "home" / name))
    for name in [name for name in os.environ if name.startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server with two projects that anybody may see."""
    with FeedServer(Answer(TWO)) as running:
        yield running


@pytest.fixture
def closed() -> Iterator[FeedServer]:
    """The same, for the user lamp with her token only."""
    expected = f"Basic {b64encode(f'lamp:{TOKEN}'.encode()).decode()}"

    def respond(request: Request) -> Answer:
        if request.headers.get("authorization") == expected:
            return Answer(TWO)
        return Answer(b"who are you?", status=401)

    with FeedServer() as running:
        running.respond = respond
        yield running


def talk(*arguments: str) -> Talk:
    """Begin a conversation."""
    return Talk("init", *arguments, program=(sys.executable, "-c", AS_SOMEBODY))


class Script:
    """A script that runs init, where nobody can be asked."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
        self._patch = monkeypatch
        self._capfd = capfd
        monkeypatch.setattr(paths, "SYSTEM", tmp_path / "etc" / "buildlight")
        self.out = self.err = ""

    def run(self, *arguments: str, user: int = 1000, given: str = "") -> int:
        """Return the exit status; *given* is at standard input."""
        self._patch.setattr(os, "geteuid", lambda: user)
        self._patch.setattr(sys, "stdin", io.StringIO(given))
        try:
            status = main(["init", *arguments])
        except SystemExit as exc:
            status = int(str(exc.code))
        self.out, self.err = self._capfd.readouterr()
        return status


@pytest.fixture
def nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Script:
    """Nobody at the terminal."""
    return Script(tmp_path, monkeypatch, capfd)


def files(folder: Path) -> dict[str, str]:
    """Return the text of every file below *folder*."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else "(a folder)"
        for path in sorted(folder.rglob("*"))
    }


def the_user_s(tmp_path: Path) -> Path:
    """Return where a user's configuration belongs."""
    return tmp_path / "home" / "config" / "buildlight" / "buildlight.toml"


def answer_all(person: Talk, script: Sequence[tuple[str, str]]) -> None:
    """Answer each question of *script*."""
    for question, answer in script:
        person.answer(question, answer)


# What a person goes through.


def script(url: str) -> list[tuple[str, str]]:
    """Return every question, and the answers of a person with a login and three LEDs."""
    return [
        (ADDRESS, url),
        (USER, "lamp"),
        (SECRET, TOKEN),
        (PROJECTS, "shop"),
        (LIGHT, "1"),
        (PIN, PINS),
        (SEEN, "y"),
        (SEEN, "y"),
        (SEEN, "y"),
        (PAGE, "y"),
        (START, "n"),
    ]


def test_a_person_answers_everything(closed: FeedServer, tmp_path: Path) -> None:
    """Login, projects, pins, page: the file, the secret beside it, and a check that succeeds."""
    person = talk()

    answer_all(person, script(closed.url()))

    assert person.close() == 0, person.said
    file = the_user_s(tmp_path)
    secret = file.parent / "secrets" / "127.0.0.1"
    assert tomllib.loads(file.read_text()) == {
        "feeds": [
            {
                "name": "127.0.0.1",
                "url": closed.url(),
                "auth": {"kind": "basic", "user": "lamp", "secret": "127.0.0.1"},
                "include": ["shop"],
            }
        ],
        "lamps": [{"driver": "gpio", "pins": {"red": 17, "amber": 27, "green": 22}}],
        "page": {"listen": "0.0.0.0"},
    }
    assert secret.read_text() == f"{TOKEN}\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.read_text() in person.said
    assert "lamp would show: green" in person.said
    assert "Start it with: buildlight run\n" in person.said
    assert TOKEN not in person.said
    assert TOKEN not in file.read_text()


@pytest.mark.parametrize(
    ("key", "status", "step"),
    [*((CTRL_C, 130, step) for step in range(11)), *((CTRL_D, 1, step) for step in (0, 2, 7, 10))],
)
def test_whoever_leaves_leaves_nothing_behind(
    closed: FeedServer, tmp_path: Path, key: bytes, status: int, step: int
) -> None:
    """Ctrl-C and Ctrl-D at every question, the one after the file was written included."""
    questions = script(closed.url())
    person = talk()

    answer_all(person, questions[:step])
    person.press(questions[step][0], key)

    assert person.close() == status, person.said
    assert "nothing was left behind" in person.said
    assert files(tmp_path) == {}
    assert TOKEN not in person.said


def test_five_answers_are_enough(server: FeedServer, tmp_path: Path) -> None:
    """Address, projects, light, page, start: the drawn lamp is the default where there is none."""
    person = talk("--no-test")

    answer_all(person, [(ADDRESS, server.url()), (PROJECTS, "!nightly"), (LIGHT, "1"), (PIN, "")])
    answer_all(person, [(PAGE, ""), (START, "n")])

    assert person.close() == 0, person.said
    written = tomllib.loads(the_user_s(tmp_path).read_text())
    assert written["feeds"][0]["exclude"] == ["nightly"]
    assert written["lamps"] == [{"driver": "gpio", "pins": {"red": 17, "amber": 27, "green": 22}}]
    assert "page" not in written


def test_the_lamp_starts_in_the_terminal(server: FeedServer) -> None:
    """Yes to the last question: the daemon follows the feed until Ctrl-C."""
    person = talk("--driver", "console", "--no-page", "--feed", server.url(), "--no-test")

    answer_all(person, [(PROJECTS, "shop"), (START, "y")])
    person.press("lamps: lamp", CTRL_C)

    assert person.close() == 0, person.said


def test_an_address_without_a_feed_is_asked_again(server: FeedServer, tmp_path: Path) -> None:
    """A typing mistake costs one answer and not the conversation."""
    server.answers["/typo.xml"] = Answer(b"not here", status=404)
    person = talk("--driver", "console", "--no-test")

    answer_all(person, [(ADDRESS, server.url("/typo.xml")), (ADDRESS, "http://")])
    answer_all(person, [(ADDRESS, server.url()), (PROJECTS, "shopp"), (PROJECTS, "re:(")])
    answer_all(person, [(PROJECTS, "s*"), (PAGE, "maybe"), (PAGE, "n"), (START, "n")])

    assert person.close() == 0, person.said
    assert "no feed with projects was found" in person.said
    assert "That matches no project of this feed." in person.said
    assert "is not a regular expression" in person.said
    assert tomllib.loads(the_user_s(tmp_path).read_text())["feeds"][0]["include"] == ["s*"]


def test_a_wrong_token_is_asked_again(closed: FeedServer, tmp_path: Path) -> None:
    """It is tried at once, and the wrong one is kept nowhere."""
    person = talk("--driver", "console", "--no-page", "--no-service", "--no-test")

    answer_all(person, [(ADDRESS, closed.url()), (USER, "lamp"), (SECRET, "wrong-token-1")])
    answer_all(person, [(USER, "lamp"), (SECRET, TOKEN), (PROJECTS, "shop")])

    assert person.close() == 0, person.said
    assert "401" in person.said
    told = "".join(files(tmp_path).values()) + person.said
    assert "wrong-token-1" not in told


def test_swapped_colours_are_mended(server: FeedServer, tmp_path: Path) -> None:
    """Red lights green and green lights red: the file has the pins as the wires are."""
    person = talk("--driver", "gpio", "--pins", PINS, "--no-page", "--no-service")

    answer_all(person, [(ADDRESS, server.url()), (PROJECTS, "shop")])
    answer_all(person, [(SEEN, "n"), ("What lights up instead?", "green"), (SEEN, "y")])
    answer_all(person, [(SEEN, "n"), ("What lights up instead?", "red")])
    person.answer("red: GPIO22", "y")
    answer_all(person, [("amber: GPIO27", "y"), ("green: GPIO17", "y")])

    assert person.close() == 0, person.said
    (lamp,) = tomllib.loads(the_user_s(tmp_path).read_text())["lamps"]
    assert lamp["pins"] == {"red": 22, "amber": 27, "green": 17}


def test_a_dead_wire_is_named(server: FeedServer) -> None:
    """It cannot be mended from here: the sentence of `buildlight test`, and on."""
    person = talk("--driver", "gpio", "--pins", PINS, "--no-page", "--no-service")

    answer_all(person, [(ADDRESS, server.url()), (PROJECTS, "shop")])
    answer_all(person, [(SEEN, "n"), ("What lights up instead?", "nothing")])
    answer_all(person, [(SEEN, "y"), (SEEN, "y")])

    assert person.close() == 0, person.said
    assert "red: GPIO17, header pin 11 looks dead" in person.said


def test_a_light_that_is_not_there_can_be_kept(server: FeedServer, tmp_path: Path) -> None:
    """It may be plugged in tomorrow; another one may be chosen, too."""
    person = talk("--driver", "serial", "--protocol", "adafruit-tower", "--port", "/dev/none")

    answer_all(person, [(ADDRESS, server.url()), (PROJECTS, "shop")])
    answer_all(person, [("Keep this light all the same?", "y"), (PAGE, "n"), (START, "n")])

    assert person.close() == 1, person.said
    assert "no port /dev/none" in person.said
    (lamp,) = tomllib.loads(the_user_s(tmp_path).read_text())["lamps"]
    assert lamp == {"driver": "serial", "protocol": "adafruit-tower", "port": "/dev/none"}


def test_a_mistake_in_the_light_is_asked_again(server: FeedServer) -> None:
    """Impossible pins are told, and the question comes again."""
    person = talk("--feed", server.url(), "--no-test", "--no-page", "--no-service")

    answer_all(person, [(PROJECTS, "shop"), (LIGHT, "x"), (LIGHT, "1"), (PIN, "red")])
    answer_all(person, [(PIN, "red=40,green=17"), (LIGHT, "1"), (PIN, "red=4,green=17")])

    assert person.close() == 0, person.said
    assert "Please write it as red=17,amber=27,green=22." in person.said
    assert "is not a pin" in person.said


# Scripts.


def test_the_first_question_comes_before_what_is_heavy() -> None:
    """A Pi Zero takes seconds to import what the answers need."""
    program = "import sys\nfrom buildlight.cli.setup import init\nprint(*sys.modules)"

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"httpx", "pydantic", "rich", "asyncio", "gpiozero"} & {*told}


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], "--feed, --driver"),
        (["--yes"], "--feed, --driver"),
        (["--driver", "console"], "--feed"),
        (["--feed", "URL"], "--driver"),
        (["--feed", "URL", "--driver", "gpio"], "--pins"),
        (["--feed", "URL", "--driver", "serial"], "--protocol"),
        (["--feed", "URL", "--driver", "serial", "--protocol", "lcus"], "--port"),
        (["--feed", "URL", "--driver", "wled"], "--host"),
        (["--feed", "URL", "--driver", "sysfs"], "--leds"),
        (["--feed", "URL", "--driver", "console", "--user", "lamp"], "--token-file"),
    ],
)
def test_a_missing_answer_names_its_flag(
    server: FeedServer, tmp_path: Path, arguments: Sequence[str], flags: str, nobody: Script
) -> None:
    """Nobody is asked: status 2, and nothing is written."""
    status = nobody.run(*(server.url() if each == "URL" else each for each in arguments))

    assert status == 2
    assert nobody.err.endswith(f"this is needed: {flags}\n")
    assert nobody.out == ""
    assert files(tmp_path) == {}


def test_a_server_that_wants_a_login_names_the_flag(
    closed: FeedServer, tmp_path: Path, nobody: Script
) -> None:
    """A script cannot know in advance whether one is needed."""
    status = nobody.run("--feed", closed.url(), "--driver", "console")

    assert status == 2
    assert nobody.err.endswith("this is needed: --token-file\n")
    assert files(tmp_path) == {}


def test_a_script_sets_a_lamp_up(closed: FeedServer, tmp_path: Path, nobody: Script) -> None:
    """The token comes through standard input: in no argument, and on no screen."""
    arguments = ["--yes", "--feed", closed.url(), "--user", "lamp", "--token-file", "-"]

    status = nobody.run(*arguments, "--driver", "console", "--include", "shop", given=f"{TOKEN}\n")

    assert status == 0, nobody.err
    assert TOKEN not in nobody.out + nobody.err
    assert (the_user_s(tmp_path).parent / "secrets" / "127.0.0.1").read_text() == f"{TOKEN}\n"


def test_root_writes_for_the_service(server: FeedServer, tmp_path: Path, nobody: Script) -> None:
    """/etc for root, whatever the umask is; a file of a user is passed over, and said to be."""
    other = the_user_s(tmp_path)
    other.parent.mkdir(parents=True)
    other.write_text("interval = 15\n")

    status = nobody.run(
        "--yes", "--feed", server.url(), "--driver", "console", "--exclude", "nightly", user=0
    )

    assert status == 0, nobody.err
    file = tmp_path / "etc" / "buildlight" / "buildlight.toml"
    assert len(load_settings(file).lamps) == 1
    assert f"From now on {other} is passed over." in nobody.err


@pytest.mark.parametrize("user", [0, 1000])
def test_the_same_answers_give_the_same_file(
    server: FeedServer, tmp_path: Path, nobody: Script, user: int
) -> None:
    """--print writes the configuration and nothing else, anywhere."""
    arguments = ["--feed", server.url(), "--driver", "gpio", "--pins", PINS, "--page", "--print"]

    assert nobody.run(*arguments, user=user) == 0, nobody.err
    first = nobody.out
    assert nobody.run(*arguments, user=user) == 0, nobody.err

    assert nobody.out == first
    assert [*tomllib.loads(first)] == ["feeds", "lamps", "page"]
    assert files(tmp_path) == {}


def test_a_person_prints_the_configuration(server: FeedServer, tmp_path: Path) -> None:
    """Questions go to the terminal, and the configuration into a file."""
    target = tmp_path / "printed.toml"
    command = f"exec \"{sys.executable}\" -c '{AS_SOMEBODY}' init --print --driver gpio > {target}"
    person = Talk("-c", command, program=("/bin/sh",))

    answer_all(person, [(ADDRESS, server.url()), (PROJECTS, ""), (PIN, PINS)])
    answer_all(person, [(SEEN, "y"), (SEEN, "y"), (SEEN, "y"), (PAGE, "n")])

    assert person.close() == 0, person.said
    assert [*files(tmp_path)] == ["printed.toml"]
    assert [*tomllib.loads(target.read_text())] == ["feeds", "lamps"]


# A configuration that is there.

EXISTING = """\
# The team's lamp.
[[feeds]]
url = "https://ci.example/cc.xml?token=0123456789abcdef0123"

[[lamps]]
driver = "console"
"""


@pytest.mark.parametrize("arguments", [[], ["--yes", "--feed", "URL", "--driver", "console"]])
def test_a_configuration_is_never_overwritten(
    tmp_path: Path, arguments: Sequence[str], nobody: Script
) -> None:
    """It is shown without its token, with what could be added. Status 1: nothing was set up."""
    file = tmp_path / "lamp.toml"
    file.write_text(EXISTING)

    status = nobody.run("--config", str(file), *arguments)

    assert status == 1
    assert file.read_text() == EXISTING
    assert "  # The team's lamp." in nobody.err
    assert "0123456789abcdef0123" not in nobody.err
    assert '  [page]\n  listen = "0.0.0.0"' in nobody.err
    assert [*files(tmp_path)] == ["lamp.toml"]


def test_a_file_that_would_be_passed_over_is_not_written(tmp_path: Path, nobody: Script) -> None:
    """The system's configuration is read first: a user's would be written for nobody."""
    file = tmp_path / "etc" / "buildlight" / "buildlight.toml"
    file.parent.mkdir(parents=True)
    file.write_text(EXISTING)

    status = nobody.run("--feed", "https://ci.example", "--driver", "console")

    assert status == 1
    assert nobody.err.startswith(f"{file} is there already, and stays as it is:\n")


@pytest.mark.parametrize("text", ["", "# nothing yet\n\n#[[feeds]]\n", "\ufeff# Notepad\r\n"])
def test_a_file_of_comments_is_set_aside(
    server: FeedServer, tmp_path: Path, text: str, nobody: Script
) -> None:
    """An example configures nothing; it is renamed, and comes back if the person leaves."""
    file = tmp_path / "lamp.toml"
    file.write_text(text)
    arguments = ["--config", str(file), "--driver", "console", "--feed", server.url()]
    person = talk(*arguments, "--no-test", "--no-page")
    answer_all(person, [(PROJECTS, "shop")])
    person.press(START, CTRL_C)
    assert person.close() == 130, person.said
    assert files(tmp_path) == {"lamp.toml": text.replace("\r\n", "\n")}

    status = nobody.run(*arguments)

    assert status == 0, nobody.err
    assert len(load_settings(file).feeds) == 1
    assert (tmp_path / "lamp.toml.bak").exists()


def test_a_secret_of_another_server_stays(
    closed: FeedServer, tmp_path: Path, nobody: Script
) -> None:
    """A second token gets a name of its own, and a link into nowhere is not followed."""
    secrets = the_user_s(tmp_path).parent / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "127.0.0.1").write_text("another-token")
    token = tmp_path / "token"
    token.write_text(TOKEN)

    status = nobody.run(
        *("--feed", closed.url(), "--user", "lamp", "--token-file", str(token)),
        *("--driver", "console", "--include", "shop"),
    )

    assert status == 0, nobody.err
    assert (secrets / "127.0.0.1").read_text() == "another-token"
    assert (secrets / "127.0.0.1-2").read_text() == f"{TOKEN}\n"


def test_the_service_is_started(
    server: FeedServer, nobody: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root, systemd and a program that the service can see: `service install` does the rest."""
    dry: list[bool] = []

    def installed(_files: object, _machine: object, *, dry_run: bool) -> bool:
        dry.append(dry_run)
        return True

    monkeypatch.setattr(init, "_no_service", lambda _file: None)
    monkeypatch.setattr(install, "install", installed)

    status = nobody.run("--yes", "--feed", server.url(), "--driver", "console", user=0)

    assert status == 0
    assert dry == [False]


def test_a_repository_of_a_forge_needs_no_search(tmp_path: Path) -> None:
    """--kind reads the API; a private repository asks for a token."""

    def respond(request: Request) -> Answer:
        if "authorization" not in request.headers:
            return Answer(b'{"message": "Not Found"}', status=404)
        path = request.path.partition("?")[0]
        if path.endswith("/workflows"):
            row = {"id": 1, "name": "CI", "path": ".github/workflows/ci.yml", "state": "active"}
            return Answer(json.dumps({"total_count": 1, "workflows": [row]}).encode())
        if path.endswith("/runs"):
            return Answer(json.dumps({"total_count": 0, "workflow_runs": []}).encode())
        return Answer(json.dumps({"id": 1, "default_branch": "main"}).encode())

    with FeedServer() as forge:
        forge.respond = respond
        url = forge.url("/acme/shop")
        person = talk("--kind", "github", "--driver", "console", "--no-page", "--no-test")
        answer_all(person, [(ADDRESS, url), (USER, ""), (SECRET, TOKEN)])
        answer_all(person, [(PROJECTS, ""), (START, "n")])
        person.close()

    (feed,) = tomllib.loads(the_user_s(tmp_path).read_text())["feeds"]
    assert feed == {
        "name": "acme/shop",
        "kind": "github",
        "url": url,
        "auth": {"kind": "bearer", "secret": "127.0.0.1"},
    }
