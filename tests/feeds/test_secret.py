"""Secrets by name: where each is looked for, in which order, and what is none."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildlight.config.settings import check_settings
from buildlight.errors import ConfigError
from buildlight.feeds.secret import Secret, find_secret

ONE_LINE = "the secret has to be one line of text, and not empty"
TOO_LONG = "the secret is longer than 4096 bytes; is it the right file?"


class Places:
    """Every place where a secret called ``ci`` may be, in the order of the search."""

    def __init__(self, folder: Path) -> None:
        self.credential = folder / "credentials" / "all" / "ci"
        self.system = folder / "etc" / "secrets" / "ci"
        self.user = folder / "config" / "buildlight" / "secrets" / "ci"
        for file in (self.credential, self.system, self.user):
            file.parent.mkdir(parents=True)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A machine that keeps no secret yet."""
    for name in [name for name in os.environ if name.startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)
    made = Places(tmp_path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(made.credential.parent))
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", made.system.parent.parent)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return made


def mistake_of(name: object) -> str:
    """Return why there is no secret called *name*."""
    with pytest.raises(ValueError, match=r".") as caught:
        find_secret(name)
    return str(caught.value)


# Where secrets are.


def test_the_places_are_searched_in_the_order_of_the_manual(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systemd's own credential, systemd's folder, the machine, the user, the environment.

    `LoadCredential=secret:/etc/buildlight/secrets` names each credential after its file and the
    id; one that the service gets by name, perhaps encrypted, comes first.
    """
    credential = places.credential
    files = [credential, credential.with_name("secret_ci"), places.system, places.user]
    for number, file in enumerate(files):
        file.write_text(f"secret {number}")
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", "environment")

    found = []
    for file in files:
        found.append(find_secret("ci").value)
        file.unlink()
    found.append(find_secret("ci").value)

    assert found == ["secret 0", "secret 1", "secret 2", "secret 3", "environment"]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for all, and a user without rights to look into another's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", name)
        monkeypatch.setattr("buildlight.system.paths.SYSTEM", folder)
        monkeypatch.setenv("XDG_CONFIG_HOME", name)
        (folder / "secrets").mkdir(mode=0o000)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)


def test_a_secret_that_came_after_the_start_of_the_service_wants_a_restart(nobody: Path) -> None:
    """The service sees root's folder and not what is in it: systemd hands that over."""
    assert mistake_of("ci") == (
        "the service got no secret of this name when it started; put it into "
        "/etc/buildlight/secrets, and then: sudo systemctl restart buildlight"
    )


def test_a_folder_of_another_user_is_named_as_such(
    nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without systemd's credentials it is a matter of permissions."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")

    assert mistake_of("ci") == f"cannot read {nobody}/secrets/ci: permission denied"


def test_without_xdg_config_home_the_users_folder_is_in_their_home(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most people never set XDG_CONFIG_HOME: it is ~/.config."""
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file = tmp_path / "home" / ".config" / "buildlight" / "secrets" / "ci"
    file.parent.mkdir(parents=True)
    file.write_text("s3cret")

    assert find_secret("ci").value == "s3cret"


@pytest.mark.usefixtures("places")
def test_a_user_without_a_home_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service account that exists nowhere but in the kernel is told what is missing."""
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)

    assert mistake_of("ci").startswith("secret ci not found; looked in ")


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("ci", "BUILDLIGHT_SECRET_CI"),
        ("CircleCI", "BUILDLIGHT_SECRET_CIRCLECI"),
        ("circle-ci.web_2", "BUILDLIGHT_SECRET_CIRCLE_CI_WEB_2"),
    ],
)
def test_a_variable_is_found(name: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, BUILDLIGHT_SECRET_NAME is the whole set-up; odd letters become `_`."""
    monkeypatch.setenv(variable, "s3cret")

    assert find_secret(name).value == "s3cret"


@pytest.mark.usefixtures("places")
def test_a_path_is_the_file_itself(tmp_path: Path) -> None:
    """A secret that another program keeps is read where it is."""
    file = tmp_path / "a token.txt"
    file.write_text("s3cret")

    assert find_secret(str(file)).value == "s3cret"


def test_a_bad_secret_is_not_passed_over_for_the_next_place(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty credential is told, not replaced by an old secret that lies somewhere else."""
    places.credential.write_text("")
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", "an old one")

    assert mistake_of("ci") == ONE_LINE


@pytest.mark.parametrize("written", ["s3cret\n", "s3cret\r\n", " s3cret \n\n", "s3cret"])
def test_white_space_around_a_secret_is_no_part_of_it(places: Places, written: str) -> None:
    """Editors and `echo` end a file with a line break."""
    places.user.write_text(written)

    assert find_secret("ci").value == "s3cret"


# What is no secret.


@pytest.mark.parametrize("written", [b"", b"\n", b" \n", b"one\ntwo\n", b"s3\x00cret", b"s3\x1bc"])
def test_a_secret_is_one_line_of_text(places: Places, written: bytes) -> None:
    """An empty file, two lines, and what a header could not hold are told."""
    places.user.write_bytes(written)

    assert mistake_of("ci") == ONE_LINE


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("written", ["", " ", "one\ntwo", "\udcff"])
def test_a_variable_is_checked_as_well(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing is a mistake, not a feed without a token."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", written)

    assert mistake_of("ci") == ONE_LINE


@pytest.mark.parametrize("written", ["s" * 4097, "é" * 3000, "s\n" + "\n" * 5000])
def test_a_file_that_is_too_long_is_the_wrong_one(places: Places, written: str) -> None:
    """Somebody names a log instead of the token."""
    places.user.write_text(written, encoding="utf-8")

    assert mistake_of("ci") == TOO_LONG


def test_a_file_that_is_no_text_is_told(places: Places) -> None:
    """Somebody names a key in binary form."""
    places.user.write_bytes(b"\x89PNG\xff\xfe")

    assert mistake_of("ci") == f"{places.user} is not text"


def test_a_folder_is_no_secret(places: Places) -> None:
    """A folder in the file's place is told as such."""
    places.user.mkdir()

    assert mistake_of("ci") == f"cannot read {places.user}: is a directory"


@pytest.mark.timeout(5)
def test_a_pipe_is_not_waited_for(places: Places) -> None:
    """Nobody may ever write to it, and the daemon would never start."""
    os.mkfifo(places.user)

    assert mistake_of("ci") == f"cannot read {places.user}: not a regular file"


def test_a_file_that_cannot_be_read_is_told(places: Places) -> None:
    """A socket in the file's place stands for everything that even root cannot read."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(places.user))

        assert mistake_of("ci") == f"cannot read {places.user}: no such device or address"


def test_a_secret_that_is_nowhere_is_told_with_every_place(places: Places) -> None:
    """The sentence has the name and every place, so that a slip in either is seen."""
    credential = places.credential
    everywhere = (credential, credential.with_name("secret_ci"), places.system, places.user)

    assert mistake_of("ci") == (
        f"secret ci not found; looked in {', '.join(map(str, everywhere))} "
        "and the variable BUILDLIGHT_SECRET_CI"
    )


@pytest.mark.usefixtures("places")
def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A path is looked for nowhere else."""
    assert mistake_of(str(tmp_path / "none")) == "the file does not exist"


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    "name",
    ["", "s3cret!", "pass word", "-s3cret", "../s3cret", "a/s3cret", "s3crét", "s3cret\n", 7, None],
)
def test_what_is_no_name_may_be_the_secret_itself(name: object) -> None:
    """Somebody writes the secret where its name belongs: it is told, and not repeated."""
    assert mistake_of(name) == "is not the name of a secret; write the name, not the secret itself"


@pytest.mark.usefixtures("places")
def test_a_token_in_the_place_of_its_name_is_not_repeated() -> None:
    """Even one so long that no file can have its name."""
    for name in ("0123456789abcdef", "0123456789abcdef" * 20):
        assert "0123456789abcdef" not in mistake_of(name)


# How a secret is shown.


def test_printing_a_secret_shows_nothing() -> None:
    """Neither a log nor a debugger's list of variables gives it away."""
    kept = Secret("s3cret")

    assert {repr(kept), str(kept), f"{kept}"} == {"***"}


def test_a_variable_with_a_secret_is_no_unknown_setting(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BUILDLIGHT_SECRET_… is no slip in the name of a setting, even if no feed needs it."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", "s3cret")
    monkeypatch.setenv("BUILDLIGHT_SECRET_UNUSED", "s3cret")
    auth = {"kind": "bearer", "secret": "ci"}

    settings = check_settings(
        {
            "feeds": [{"url": "https://ci.example/cc.xml", "auth": auth}],
            "lamps": [{"driver": "console"}],
        }
    )

    assert "s3cret" not in repr(settings)


def test_a_slip_in_the_prefix_of_a_secret_is_an_unknown_variable(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BUILDLIGHT_SECRETS_CI would never be read, so it is told, without its value."""
    monkeypatch.setenv("BUILDLIGHT_SECRETS_CI", "s3cret")

    with pytest.raises(ConfigError) as caught:
        check_settings({"feeds": [{"url": "http://ci"}], "lamps": [{"driver": "console"}]})

    assert str(caught.value).startswith("BUILDLIGHT_SECRETS_CI: unknown environment variable")
    assert "s3cret" not in str(caught.value)
