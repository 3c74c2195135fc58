"""The command line, as a person and a program use it: real processes, servers and terminals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from buildlight import __version__
from buildlight.cli import main, wiring
from buildlight.cli.terminal import wrapped
from buildlight.config import patterns
from support.servers import BROKEN_FEED, FEED, RESETS, Answer, FeedServer
from support.terminal import Talk

BUILDLIGHT = Path(sys.executable).with_name("buildlight")
PATIENCE = 20.0
INSTALLED = "busylight, console, gpio, http, mqtt, serial, sysfs, wled"
PINS = "red=17,amber=27,green=22"


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Mock pins, no proxy, no configuration of whoever runs the tests."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path / "none")
    # What is written must show at once, as it does on a terminal; or not, as it does in a pipe.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    for name in [name for name in os.environ if name.upper().startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


def a_file(tmp_path: Path, *urls: str, lamps: str = "") -> str:
    """Write a configuration with a feed at each of *urls*, and return its path."""
    file = tmp_path / "buildlight.toml"
    feeds = "".join(f'[[feeds]]\nurl = "{url}"\n' for url in urls)
    pins = '[[lamps]]\ndriver = "gpio"\npins = { red = 17, amber = 27, green = 22 }\n'
    file.write_text(feeds + (lamps or pins), encoding="utf-8")
    return str(file)


def a_tower(port: str) -> str:
    """Return the table of a tower on *port*."""
    return (
        '[[lamps]]\nname = "tower"\ndriver = "serial"\nprotocol = "adafruit-tower"\n'
        f'port = "{port}"\n'
    )


def ran(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the installed program to its end, with nobody at its input."""
    return subprocess.run(
        [BUILDLIGHT, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **(environment or {})},
        timeout=PATIENCE,
        check=False,
    )


# Help.


def test_the_version_is_told() -> None:
    """One line, and nothing else."""
    process = ran("--version")

    assert process.returncode == 0
    assert (process.stdout, process.stderr) == (f"buildlight {__version__}\n", "")


COMMANDS = [
    "init",
    "run",
    "discover",
    "check",
    "explain",
    "test",
    "off",
    "service",
    "hours",
    "devices",
    "doctor",
    "demo",
    "schema",
    "completion",
]


def test_help_tells_a_newcomer_where_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command in a sentence, and the one that needs nothing."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert re.findall(r"^    (\w+) ", told, re.MULTILINE) == COMMANDS
    assert "buildlight demo" in told


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("explain", ["since when", "what would change it", "status 1 if no daemon runs", "--json"]),
        ("service", ["{install,uninstall,status}", "--dry-run"]),
        ("off", ["stop it instead", "--config FILE"]),
        ("run", ["SIGTERM", "--config FILE", "/etc/buildlight/buildlight.toml"]),
        (
            "discover",
            ["--user NAME", "--token-file FILE", "[[feeds]]", "Exit status 0", "{secret}"],
        ),
        ("check", ["--json", "Exit status 0", "78"]),
        ("test", ["--yes", "--lamp NAME", "--pins CHANNEL=PIN", f"--driver gpio --pins {PINS}"]),
        ("demo", ["--seconds N", "Ctrl-C"]),
    ],
)
def test_each_command_explains_itself(
    capsys: pytest.CaptureFixture[str], command: str, words: Sequence[str]
) -> None:
    """What it does, and what it can be told."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    told = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert [word for word in words if word not in told] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lamp"], f"unknown command 'lamp'; commands are: {', '.join(COMMANDS)}"),
        (["chekc"], "unknown command 'chekc'; did you mean `check`?"),
        (["help", "tset"], "unknown command 'tset'; did you mean `test`?"),
        (["check", "--jsno"], "unrecognized arguments: --jsno"),
        (["test", "--pause", "soon"], "argument --pause: should be a number"),
        (["test", "--pause", "0"], "argument --pause: should be greater than 0"),
        (["test", "--pause", "nan"], "argument --pause: should be greater than 0"),
        (["test", "--pins", "red"], "argument --pins: write it as red=17,amber=27,green=22"),
        (["test", "--pins", "red=1,red=2"], "argument --pins: names a channel twice"),
        (["test", "--leds", "red"], "argument --leds: write it as red=build-red,green=build-green"),
        (["test", "--channels", "red,"], "argument --channels: write it as red,amber,green"),
        (
            ["test", "--host", "wled.local"],
            "--host is for a --driver, which is missing: --driver wled?",
        ),
        (["test", "--pins", PINS], "--pins is for a --driver, which is missing: --driver gpio?"),
        (["test", "--board", "pi-stop-a+"], "--board is for a --driver, which is missing"),
        (["test", "--port", "/dev/ttyACM0"], "which is missing: --driver serial?"),
        (["test", "--protocol", "adafruit-tower"], "--protocol is for a --driver, which is"),
        (["demo", "--seconds", "-1"], "argument --seconds: should be greater than 0"),
    ],
)
def test_a_wrong_call_is_told(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str], sentence: str
) -> None:
    """With what would be right, and the usual status 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_the_commands_are_listed(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str]
) -> None:
    """Whoever types the name of the program alone learns what it can do."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert [name for name in COMMANDS if f"    {name}" not in out] == []


@pytest.mark.parametrize("arguments", [["-V"], ["--version"]])
def test_the_version_is_printed(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str]
) -> None:
    """One short option, and the long one."""
    with pytest.raises(SystemExit):
        main(arguments)

    assert capsys.readouterr().out == f"buildlight {__version__}\n"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ('RuntimeError("can\'t start new thread")', "cannot start a thread: too many are running"),
        ("MemoryError()", "out of memory"),
    ],
)
def test_a_machine_without_threads_or_memory_gets_a_sentence(
    tmp_path: Path, error: str, sentence: str
) -> None:
    """No traceback: the status is 1, and systemd tries again."""
    script = (
        f"import sys, threading\ndef none(_): raise {error}\nthreading.Thread.start = none\n"
        "from buildlight.cli import main\nsys.exit(main(sys.argv[1:]))"
    )

    process = subprocess.run(
        [sys.executable, "-c", script, "run", "--config", a_file(tmp_path, "http://ci.example")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith(f"buildlight: {sentence}")
    assert "Traceback" not in process.stderr


def test_nothing_slow_is_imported_before_it_is_needed() -> None:
    """On a Pi Zero, help would take seconds otherwise."""
    script = (
        "import sys, buildlight.cli as cli\n"
        "try: cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'httpx', 'pydantic', 'gpiozero', 'rich', 'serial'} & {*sys.modules}))"
    )

    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    )

    assert process.stdout.splitlines()[-1] == "[]"


# Checking.


def test_check_tells_what_is_and_what_the_lamp_would_show(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The project with its verdict, activity, age and link; the lamp and why. Exit 0."""
    file = a_file(tmp_path, server.url())
    status, folded = main(["check", "--config", file]), capsys.readouterr().out
    main(["check", "--all", "--config", file])

    told, complaints = capsys.readouterr()
    row = next(line for line in told.splitlines() if line.startswith("  shop"))
    assert status == 0
    assert re.fullmatch(r"  shop: passing, \d+ days ago: https://ci\.example/shop", row)
    assert folded.splitlines() == [
        *told.splitlines()[:-2],
        "not broken: 1 passing; --all lists them",
        f"configuration: reading {file}",
    ]
    assert f"127.0.0.1: 1 project  <{server.url()}>" in told
    assert "lamp would show: green\n  because 1 project passes\n" in told
    assert complaints == ""


def test_check_tells_a_broken_project(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Red is a good answer: exit 0."""
    server.answer = Answer(BROKEN_FEED.replace(b"Sleeping", b"Building"))

    status = main(["check", "--config", a_file(tmp_path, server.url())])

    told = capsys.readouterr().out
    assert status == 0
    assert "  shop: broken, being built" in told
    assert "lamp would show: red pulse\n  because shop is broken" in told


def test_check_fails_if_a_feed_does(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, with the feed's fault; the others are told all the same."""
    server.answers["/secret"] = Answer(status=403)

    status = main(["check", "--config", a_file(tmp_path, server.url(), server.url("/secret"))])

    told = capsys.readouterr().out
    assert status == 1
    assert "127.0.0.1 2: 403 Forbidden" in told
    assert "lamp would show: amber double-blink" in told
    assert "not broken: 1 passing; --all lists them" in told


def test_check_fails_if_a_light_does(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, with the remedy; what the lamp would show is told all the same."""
    file = a_file(tmp_path, server.url(), lamps=a_tower("/dev/no-such-port"))

    status = main(["check", "--config", file])

    told = capsys.readouterr().out
    assert status == 1
    assert "tower would show: green" in told
    assert "driver 'serial': no port /dev/no-such-port; is the light plugged in?" in told


def test_check_tells_which_projects_do_not_count(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody wonders why a project has no effect."""
    file = Path(a_file(tmp_path, server.url()))
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[[lamps]]", 'exclude = ["sh*"]\n[[lamps]]'), encoding="utf-8")

    main(["check", "--all", "--config", str(file)])

    told = capsys.readouterr().out
    assert "(not counted: excluded by its feed)" in told


def test_a_name_cannot_play_with_the_terminal(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server may call a project anything; markup and control characters are only shown."""
    server.answer = Answer(FEED.replace(b'"shop"', b'"[red]sh&#10;op&#9;[/]"'))

    status = main(["check", "--all", "--config", a_file(tmp_path, server.url())])

    assert status == 0
    assert re.search(r"^  \[red\]sh\S?op\S?\[/\]:", capsys.readouterr().out, re.MULTILINE)


# Checking, for programs.


def test_check_json_prints_the_report_and_nothing_else(tmp_path: Path, server: FeedServer) -> None:
    """All of standard output is one document, of the shape that every place shares."""
    server.answers["/down"] = Answer(status=500)
    file = a_file(tmp_path, server.url(), server.url("/down"), lamps=a_tower("/dev/no-such-port"))

    process = ran("check", "--json", "--config", file)

    report = json.loads(process.stdout)
    at = report.pop("at")
    age = report["feeds"][0].pop("age")
    because = report["lamps"][0].pop("because")
    error = report["feeds"][1].pop("error")
    since = report["projects"][0].pop("since")
    lamp = report["lamps"][0]
    told = [lamp.pop(key) for key in ("since", "rule", "until")]
    assert all(told)
    assert "no port /dev/no-such-port" in lamp.pop("light_because")
    assert process.returncode == 1
    assert report == {
        "version": 1,
        "feeds": [
            {"name": "127.0.0.1", "url": server.url(), "state": "fresh", "error": None,
             "projects": 1, "warnings": []},
            {"name": "127.0.0.1 2", "url": server.url("/down"), "state": "never", "age": None,
             "projects": 0, "warnings": []},
        ],
        "projects": [
            {"feed": "127.0.0.1", "name": "shop", "verdict": "passing", "building": False,
             "label": "7", "web_url": "https://ci.example/shop", "counted": True,
             "not_counted_because": None, "lamps": ["tower"],
             "last_build_time": "2026-11-20T11:00:00+00:00", "breakers": [], "run": None},
        ],
        "lamps": [
            {"name": "tower", "driver": "serial", "light": "waiting",
             "known": None,
             "feeds": ["127.0.0.1", "127.0.0.1 2"], "broken": [],
             "signal": {"verdict": "passing", "building": False, "stale": True},
             "pattern": "amber double-blink", "warnings": []},
        ],
    }  # fmt: skip
    assert at.endswith("Z")
    assert datetime.fromisoformat(at)
    assert since is None or datetime.fromisoformat(since)
    assert 0 <= age < PATIENCE
    assert "500 Internal Server Error" in error
    assert because.startswith("127.0.0.1 2 has not answered yet: 500 Internal Server Error")
    assert process.stderr.splitlines()[-1] == (
        "buildlight: tower: driver 'serial': no port /dev/no-such-port; is the light plugged in?"
    )


def test_check_json_is_0_if_all_is_well(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Programs look at the status, too."""
    status = main(["check", "--json", "--config", a_file(tmp_path, server.url())])

    told, complaints = capsys.readouterr()
    assert status == 0
    assert json.loads(told)["lamps"][0]["pattern"] == "green"
    assert complaints == ""


# Configurations with mistakes.


@pytest.mark.parametrize("command", [["run"], ["check"], ["check", "--json"], ["test", "--yes"]])
def test_every_mistake_is_told_and_the_status_is_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Sequence[str]
) -> None:
    """Each with its line, quoted; after that systemd need not try again."""
    file = a_file(tmp_path, "nowhere", lamps='[[lamps]]\ndriver = "neon"\n')

    status = main([*command, "--config", file])

    told, complaints = capsys.readouterr()
    assert status == 78
    assert told == ""
    url, lamp = f"{file}: line 2: the [[feeds]] table: url", f"{file}: line 4: the [[lamps]] table"
    assert complaints.splitlines() == [
        f"buildlight: {url}: is not an address; write it as https://ci.example/cc.xml",
        '  2 | url = "***"',
        "    |       ^^^^^",
        f"buildlight: {lamp}: driver: no such driver; installed are: {INSTALLED}",
        '  4 | driver = "neon"',
        "    |          ^^^^^^",
    ]


@pytest.mark.parametrize("command", ["run", "check", "test"])
def test_no_configuration_at_all_is_told(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Where it is looked for, and what needs none."""
    status = main([command])

    complaint = capsys.readouterr().err
    assert status == 78
    assert complaint.startswith("buildlight: no configuration at ")
    assert "buildlight demo" in complaint


def test_the_configuration_of_the_user_is_found(
    tmp_path: Path, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without ``--config`` it is in the user's folder."""
    folder = tmp_path / "config" / "buildlight"
    folder.mkdir(parents=True)
    a_file(folder, server.url())

    status = main(["check"])

    assert status == 0
    assert "lamp would show: green" in capsys.readouterr().out


def test_a_light_that_is_not_there_stops_the_run(tmp_path: Path, server: FeedServer) -> None:
    """Exit 1, with the remedy, if nobody said that it may be waited for."""
    lamps = a_tower("/dev/no-such-port") + "wait_for_light = false\n"

    process = ran("run", "--config", a_file(tmp_path, server.url(), lamps=lamps))

    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == (
        "buildlight: tower: driver 'serial': no port /dev/no-such-port; is the light plugged in?"
    )


# Secrets.


@pytest.mark.parametrize(
    "answer",
    [Answer(), Answer(status=401), Answer(b"<html>"), RESETS],
    ids=["good", "401", "html", "reset"],
)
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_no_secret_is_told(
    tmp_path: Path, server: FeedServer, answer: Answer, options: Sequence[str]
) -> None:
    """A token in the address and a password before it appear nowhere, whatever happens."""
    server.answer = answer
    url = server.url("/cc.xml?token=SECRET&branch=main").replace("//", "//user:SECRET@")

    process = ran("check", *options, "--config", a_file(tmp_path, url))

    assert process.returncode == (0 if answer == Answer() else 1)
    assert "token=***" in process.stdout
    assert "SECRET" not in process.stdout + process.stderr
    assert "Traceback" not in process.stderr
    assert any("SECRET" in each.path for each in server.requests)


# Streams that end.


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["--version"],
        ["test", "--help"],
        ["check"],
        ["check", "--json"],
        ["test", "--yes", "--pause", "0.01"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("buffering", ["", "1"], ids=["buffered", "unbuffered"])
def test_output_that_nobody_reads_is_no_trouble(
    tmp_path: Path, server: FeedServer, command: Sequence[str], buffering: str
) -> None:
    """``| head -1`` has gone before everything is written."""
    file = a_file(tmp_path, server.url())
    options = [] if command[-1] in ("--help", "--version") else ["--config", file]
    reading, writing = os.pipe()
    os.close(reading)

    process = subprocess.run(
        [BUILDLIGHT, *command, *options],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": buffering},
        timeout=PATIENCE,
        check=False,
    )

    os.close(writing)
    assert process.returncode in (0, 1)
    assert process.stderr == ""


def test_output_may_go_through_head(tmp_path: Path, server: FeedServer) -> None:
    """The first line comes, and no complaint."""
    file = a_file(tmp_path, server.url())

    process = subprocess.run(
        f"'{BUILDLIGHT}' check --json --config '{file}' | head -1",
        shell=True,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )

    assert (process.stdout, process.stderr) == ("{\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_may_be_closed(tmp_path: Path, server: FeedServer, closed: str) -> None:
    """Whoever looks only at the status gets the right one."""
    server.answer = Answer(status=500)
    file = a_file(tmp_path, server.url())

    process = subprocess.run(
        f"'{BUILDLIGHT}' check --config '{file}' {closed}",
        shell=True,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )

    assert process.returncode == 1
    assert process.stderr == ""


def test_letters_that_a_terminal_lacks_are_replaced(tmp_path: Path, server: FeedServer) -> None:
    """A project may be called anything, and an old terminal knows little."""
    server.answer = Answer(FEED.replace(b'"shop"', '"Übung №1"'.encode()))
    file = a_file(tmp_path, server.url())

    process = ran("check", "--all", "--config", file, environment={"PYTHONIOENCODING": "ascii"})

    assert process.returncode == 0
    assert "?bung ?1" in process.stdout


@pytest.mark.parametrize(
    "command",
    [["--help"], ["check"], ["check", "--json"], ["hours"], ["devices"], ["devices", "--json"]],
    ids=" ".join,
)
def test_output_that_has_no_room_is_told(
    tmp_path: Path, server: FeedServer, command: Sequence[str]
) -> None:
    """A full disk: one sentence, and status 1."""
    options = (
        ["--config", a_file(tmp_path, server.url())] if command[0] in ("check", "hours") else []
    )

    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [BUILDLIGHT, *command, *options],
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    sentence = "buildlight: the output cannot be written: No space left on device\n"
    assert (process.returncode, process.stderr) == (1, sentence)


def test_complaints_that_have_no_room_leave_the_status() -> None:
    """Whoever looks only at the status gets the right one."""
    with Path("/dev/full").open("w") as full:
        process = subprocess.run([BUILDLIGHT, "check"], stderr=full, timeout=PATIENCE, check=False)

    assert process.returncode == 78


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT],
    ids=lambda each: each.name,
)
def test_a_signal_ends_a_walk_in_the_dark(number: signal.Signals) -> None:
    """Status 130 and no traceback, however often it comes."""
    arguments = ["test", "--yes", "--pause", "60", "--driver", "console"]
    with subprocess.Popen(
        [BUILDLIGHT, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("red: ") for line in lines)

        process.send_signal(number)
        time.sleep(0.2)  # One that comes right before a pause begins ends it only with the next.
        process.send_signal(number)

        told, complaints = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaints) == (130, "")
    assert told.endswith("lamp: off\n")


def test_ctrl_c_ends_quietly() -> None:
    """In the middle of a walk: status 130, and no traceback."""
    with subprocess.Popen(
        [BUILDLIGHT, "test", "--yes", "--pause", "60", "--driver", "gpio", "--pins", PINS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("red: ") for line in lines)

        process.send_signal(signal.SIGINT)

        _, complaints = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaints) == (130, "")


# Proving the wiring.


def test_a_walk_without_questions(capsys: pytest.CaptureFixture[str]) -> None:
    """Each step is told with its wire; that no wire was tested is told loudly."""
    status = main(["test", "--yes", "--pause", "0.01", "--driver", "gpio", "--pins", PINS])

    told = capsys.readouterr().out.splitlines()
    assert status == 0
    assert told[:3] == [
        "lamp (driver gpio)",
        "THESE ARE MOCK PINS: no wire is tested. Unset GPIOZERO_PIN_FACTORY on the Pi.",
        "red: GPIO17, header pin 11: lit, and nothing else",
    ]
    assert told[-1] == "lamp: 12 steps walked, without questions"


def test_all_lamps_of_a_configuration_are_walked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other; the feeds are not asked."""
    lamps = '[[lamps]]\ndriver = "gpio"\npins = { red = 17 }\n[[lamps]]\ndriver = "console"\n'
    file = a_file(tmp_path, "http://127.0.0.1:9/cc.xml", lamps=lamps)

    status = main(["test", "--yes", "--pause", "0.01", "--config", file])

    told = capsys.readouterr().out.splitlines()
    assert status == 0
    assert "lamp 1: 10 steps walked, without questions" in told
    assert "lamp 2: 12 steps walked, without questions" in told
    assert "lamp: off" in told


def test_one_lamp_may_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its name; the other one is left alone."""
    lamps = (
        '[[lamps]]\nname = "shelf"\ndriver = "gpio"\npins = { red = 17 }\n'
        '[[lamps]]\nname = "door"\ndriver = "gpio"\npins = { red = 18 }\n'
    )
    file = a_file(tmp_path, "http://127.0.0.1:9/cc.xml", lamps=lamps)

    status = main(["test", "--yes", "--pause", "0.01", "--lamp", "door", "--config", file])

    told = capsys.readouterr().out
    assert status == 0
    assert "GPIO18" in told
    assert "shelf" not in told


def test_a_lamp_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the names of those that are."""
    file = a_file(tmp_path, "http://127.0.0.1:9/cc.xml")

    status = main(["test", "--lamp", "door", "--config", file])

    assert status == 78
    assert capsys.readouterr().err == (
        "buildlight: --lamp: no lamp has this name; known are: lamp\n"
    )


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        (["--driver", "neon"], ["no such driver; installed are: " + INSTALLED]),
        (["--driver", "gpio"], ["pins: is missing"]),
        (["--driver", "gpio", "--pins", "red=GPIO99,mauve=1"],
         ["pins.red: is not a pin; use a BCM number", "pins.mauve: should be 'red', "]),
        (["--driver", "gpio", "--pins", "red=17,green=17"], ["gives GPIO17 to both red and green"]),
        (["--driver", "serial"], ["port: is missing", "protocol: is missing"]),
        (["--driver", "console", "--port", "/dev/a"], ["port: unknown key"]),
    ],
)  # fmt: skip
def test_a_lamp_without_a_configuration_is_checked_too(
    capsys: pytest.CaptureFixture[str], options: Sequence[str], sentences: Sequence[str]
) -> None:
    """All mistakes at once, and 78."""
    status = main(["test", "--yes", *options])

    lines = capsys.readouterr().err.splitlines()
    assert status == 78
    assert len(lines) == len(sentences)
    assert all(each in line for each, line in zip(sentences, lines, strict=True))


def test_a_light_that_is_not_there_fails_the_test(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, with the remedy."""
    monkeypatch.setattr(wiring, "ANSWERING", 0.2)

    status = main(
        ["test", "--driver", "serial", "--port", "/dev/none", "--protocol", "adafruit-tower"]
    )

    assert status == 1
    assert capsys.readouterr().err == (
        "buildlight: lamp: driver 'serial': no port /dev/none; is the light plugged in?\n"
    )


HOLDER = """
import fcntl, os, sys
held = os.open(sys.argv[2], os.O_RDWR | os.O_NOCTTY)
fcntl.flock(held, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()
"""


def test_a_port_that_a_running_buildlight_holds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody forgot to stop it: who has the port, and how to stop that. Exit 1."""
    monkeypatch.setattr(wiring, "ANSWERING", 0.2)
    light, other = os.openpty()
    tty.setraw(other)
    port = os.ttyname(other)
    script = tmp_path / "buildlight"
    script.write_text(HOLDER, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script, "run", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"\n"

        status = main(
            ["test", "--driver", "serial", "--port", port, "--protocol", "adafruit-tower"]
        )

        holder.kill()
    os.close(light)
    os.close(other)
    complaint = capsys.readouterr().err
    assert status == 1
    assert complaint.startswith(
        f"buildlight: lamp: driver 'serial': {port} is held by another program: "
    )
    # Any number: this machine may run another one.
    assert re.search(r"has it \(pid \d+\); stop it with `", complaint)


def test_nobody_at_the_input_is_told() -> None:
    """Questions that nobody answers: exit 1, and how to do without."""
    process = ran("test", "--driver", "gpio", "--pins", PINS)

    assert process.returncode == 1
    assert process.stderr == ("buildlight: no answer; use --yes to walk without questions\n")


def test_lines_are_cut_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that is folded is not a link, and a label stands alone in its column."""
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    link = "https://ci.example/a-long-path/to-the-build/8"

    text = wrapped(f"  because:  shop-api and shop-web are broken {link}")

    assert text.splitlines() == [
        "  because:  shop-api and",
        "            shop-web are",
        "            broken",
        f"            {link}",
    ]


def test_a_table_in_the_wrong_file_is_told(tmp_path: Path, server: FeedServer) -> None:
    """`discover … >> buildlight.toml` in some folder writes what nobody reads."""
    file = tmp_path / "buildlight.toml"
    with file.open("w") as output:
        process = subprocess.run(
            [BUILDLIGHT, "discover", server.url()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    assert process.returncode == 0
    assert process.stderr.startswith(f"{file} is read only with --config; buildlight reads /")


def test_names_are_text_on_a_terminal(tmp_path: Path, server: FeedServer) -> None:
    """Square brackets are markup to the library that draws the progress."""
    file = Path(a_file(tmp_path, server.url()))
    text = file.read_text().replace("[[feeds]]", '[[feeds]]\nname = "[/]"')
    file.write_text(text.replace("[[lamps]]", '[[lamps]]\nname = "[bold red]x[/nothing]"'))

    talk = Talk("check", "--config", str(file))

    assert talk.close() == 0, talk.said
    assert "[bold red]x[/nothing] would show: green" in talk.said
    assert "[/]: 1 project" in talk.said


def test_a_person_at_a_terminal_finds_swapped_wires() -> None:
    """Asked after each step; the wires are named in the end, and the status is 1."""
    talk = Talk("test", "--driver", "gpio", "--pins", PINS)

    talk.answer("red: GPIO17, header pin 11: lit, and nothing else. Do you see it? [y/n] ", "n")
    talk.answer("What lights up instead? [amber/green/nothing] ", "green")
    talk.answer("amber: GPIO27, header pin 13: lit, and nothing else. Do you see it? [y/n] ", "y")
    talk.answer("green: GPIO22, header pin 15: lit, and nothing else. Do you see it? [y/n] ", "N")
    talk.answer("What lights up instead? [red/amber/nothing] ", "blue")
    talk.answer("What lights up instead? [red/amber/nothing] ", "Red")
    talk.answer("signal broken: red. Do you see it? [y/n] ", "perhaps")
    talk.answer("signal broken: red. Do you see it? [y/n] ", "yes")
    for signal_name in patterns.SIGNALS[1:]:
        talk.answer(f"signal {signal_name}: ", "y")
    status = talk.close()

    assert status == 1
    assert "THESE ARE MOCK PINS" in talk.said
    assert "red and green look swapped: exchange GPIO17, " in talk.said
    assert talk.said.endswith("lamp: 12 steps walked, 10 of them right\n")


def test_a_person_at_a_terminal_finds_all_right() -> None:
    """Twelve times yes: status 0, and nothing to do."""
    talk = Talk("test", "--driver", "gpio", "--pins", PINS)

    for _ in range(12):
        talk.answer("[y/n] ", "y")
    status = talk.close()

    assert status == 0
    assert "swapped" not in talk.said
    assert talk.said.endswith("lamp: 12 steps walked, 12 of them right\n")


def test_a_person_at_a_terminal_sees_progress(tmp_path: Path, server: FeedServer) -> None:
    """A check on a terminal shows what it does, and colours its table."""
    talk = Talk("check", "--config", a_file(tmp_path, server.url()))

    status = talk.close()

    assert status == 0
    assert "lamp would show: green" in talk.said
