"""The branch coverage of the pure modules, which has to be 100 %.

It wants coverage.py, in an environment of its own. Which modules are pure is said in
pyproject.toml, where import-linter sees to it.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from support.figures import note

# The tests of the pure modules themselves: what only a whole daemon comes through has no test.
TESTS = (
    *("projects", "patterns", "report", "test_errors.py", "test_hours.py"),
    *("test_redaction.py", "test_wording.py"),
    *("feeds/test_schedule.py", "feeds/test_rate_limit.py", "feeds/discovery"),
    *("feeds/github", "feeds/gitlab", "feeds/circleci", "feeds/gitea", "feeds/mqtt"),
    *("drivers/test_drivers.py", "drivers/test_wled.py", "drivers/http", "drivers/serial"),
    "drivers/mqtt",
    *("publish/mqtt", "cli/setup/test_document.py", "promises/test_forges.py"),
    *(f"publish/web/test_{each}.py" for each in ("svg", "wall", "moments", "merged_feed")),
    *("publish/web/test_metrics.py", "publish/web/test_routes.py"),
)


def pure_modules() -> list[str]:
    """Return the files of the modules that are declared pure."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (pure,) = [each for each in contracts if "pure" in each["name"]]
    paths = [ROOT / module.replace(".", "/") for module in pure["source_modules"]]
    files = [each for path in paths for each in (path.rglob("*.py") if path.is_dir() else [path])]
    return [str(each.relative_to(ROOT).with_suffix(".py")) for each in files]


def main() -> None:
    """Measure, print what is missing, and fail if anything is."""
    files = [f"tests/{each}" for each in TESTS]
    with tempfile.TemporaryDirectory() as folder:
        coverage = [sys.executable, "-m", "coverage"]
        data = f"--data-file={folder}/coverage"
        # All of the package, so that a module that no test imports is told as not covered.
        run = [*coverage, "run", "--branch", data, "--source=buildlight"]
        pytest = ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *files]
        subprocess.run([*run, *pytest], cwd=ROOT, check=True)
        report = [*coverage, "report", "--show-missing", "--skip-covered", "--fail-under=100"]
        include = f"--include={','.join(pure_modules())}"
        told = subprocess.run(
            [*report, data, include], cwd=ROOT, check=False, capture_output=True, text=True
        )
    print(told.stdout, end="")
    if told.returncode != 0:
        raise SystemExit(told.stderr or "not all of the pure modules is covered")
    note("coverage", f"100 % of {len(pure_modules())} modules")


if __name__ == "__main__":
    main()
