"""`buildlight doctor`: a bug report in one command, and no secret in it."""

from pathlib import Path

import pytest

from buildlight.cli import doctor, main

TOKEN = "a-token-in-a-file-of-its-own"
IN_URL = "0123456789abcdef0123"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a user; no system, and no daemon."""
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path / "none")
    monkeypatch.setattr("buildlight.system.paths.SERVICE_RUN", tmp_path / "none")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "buildlight" / "secrets").mkdir(parents=True)
    return tmp_path / "buildlight" / "buildlight.toml"


def test_it_has_what_a_report_needs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every part, whatever this machine has; the configuration as it is written."""
    file.write_text('# our lamp\n[[feeds]]\nurl = "https://ci.example/cc.xml"\n')

    assert main(["doctor"]) == 0

    told = capsys.readouterr().out
    assert [line[3:] for line in told.splitlines() if line.startswith("== ")] == [*doctor.PARTS]
    assert "# our lamp" in told
    assert "lamps: none found" in told
    assert "Drivers (driver = …)" in told
    assert "no buildlight runs here" in told


def test_no_secret_is_in_it(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the file, the address, the environment, the log, or where it does not belong."""
    file.write_text(
        f'[[feeds]]\nurl = "https://ci.example/cc.xml?token={IN_URL}"\n'
        '[[feeds]]\nurl = "https://other.example/cc.xml"\n'
        'auth = { kind = "bearer", secret = "other", password = "letmein!" }\n'
    )
    (file.parent / "secrets" / "other").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("BUILDLIGHT_SECRET_THIRD", "the-third-secret")
    log = f"GET /?token={IN_URL} {TOKEN} the-third-secret letmein!"
    monkeypatch.setitem(doctor.PARTS, "Log", lambda: [log])

    main(["doctor"])

    told = capsys.readouterr().out
    assert "other.example" in told
    assert [each for each in (TOKEN, IN_URL, "the-third-secret", "letmein!") if each in told] == []


def test_a_part_that_fails_hides_no_other(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken machine is what the report is about."""

    def fails() -> list[str]:
        raise PermissionError(13, "Permission denied", "/dev/x")

    monkeypatch.setitem(doctor.PARTS, "System", fails)

    assert main(["doctor"]) == 0

    told = capsys.readouterr().out
    assert "cannot be told: [Errno 13] Permission denied: '/dev/x'" in told
    assert "no configuration at" in told
    assert file.parent.exists()
