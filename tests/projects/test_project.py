"""The words of the standard, and of the servers that do not keep to it."""

from collections.abc import Callable
from enum import Enum

import pytest

from buildlight.projects.project import (
    ACTIVITY_WORDS,
    STATUS_WORDS,
    Activity,
    BuildStatus,
    Message,
    activity_of,
    status_of,
    unknown_words,
)
from support.examples import a_project

WORDS = {
    "success": BuildStatus.SUCCESS,
    "passed": BuildStatus.SUCCESS,
    "normal": BuildStatus.SUCCESS,
    "passing": BuildStatus.SUCCESS,
    "succeeded": BuildStatus.SUCCESS,  # Azure DevOps, AWS
    "successful": BuildStatus.SUCCESS,  # Bitbucket
    "failure": BuildStatus.FAILURE,
    "failed": BuildStatus.FAILURE,
    "unstable": BuildStatus.FAILURE,
    "broken": BuildStatus.FAILURE,
    "failing": BuildStatus.FAILURE,  # CircleCI, of a build that runs
    "partiallysucceeded": BuildStatus.FAILURE,  # Azure DevOps
    "timed_out": BuildStatus.FAILURE,  # GitHub
    "timedout": BuildStatus.FAILURE,
    "startup_failure": BuildStatus.FAILURE,  # GitHub
    "errored": BuildStatus.EXCEPTION,  # Concourse, Travis
    "error": BuildStatus.EXCEPTION,
    "exception": BuildStatus.EXCEPTION,
    "cancelled": BuildStatus.CANCELLED,
    "canceled": BuildStatus.CANCELLED,
    "aborted": BuildStatus.CANCELLED,
    "skipped": BuildStatus.CANCELLED,
    "stopped": BuildStatus.CANCELLED,  # Bitbucket
    "not_run": BuildStatus.CANCELLED,  # Buildkite, CircleCI
    "unknown": BuildStatus.UNKNOWN,
    "pending": BuildStatus.UNKNOWN,
    "": BuildStatus.UNKNOWN,
}
ACTIVITIES = {
    "building": Activity.BUILDING,
    "running": Activity.BUILDING,
    "sleeping": Activity.SLEEPING,
    "checkingmodifications": Activity.CHECKING_MODIFICATIONS,
    "pending": Activity.PENDING,
    "has pending changes": Activity.PENDING,  # TeamCity
    "unknown": Activity.UNKNOWN,
    "": Activity.SLEEPING,
}


def test_the_word_table_holds_these_words_and_no_others() -> None:
    """A word that is new in the table has to be argued for here."""
    assert dict(STATUS_WORDS) == WORDS


def test_the_activity_table_holds_these_words_and_no_others() -> None:
    """A word that is new in the table has to be argued for here."""
    assert dict(ACTIVITY_WORDS) == ACTIVITIES


@pytest.mark.parametrize(("word", "status"), WORDS.items())
@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.title, " {} ".format])
def test_status_words_are_read_without_case_and_spaces(
    word: str, status: BuildStatus, spelt: Callable[[str], str]
) -> None:
    """Jenkins boards say `success`, Travis `Canceled`, CruiseControl `NORMAL`: all are read."""
    project = a_project(last_build_status=spelt(word))

    assert status_of(project) is status


@pytest.mark.parametrize("word", ["Successggg", "unknown_state", "Fixed", "success!", "sucess"])
def test_a_status_nobody_knows_is_unknown(word: str) -> None:
    """A word that only resembles Success never counts as one."""
    assert status_of(a_project(last_build_status=word)) is BuildStatus.UNKNOWN


def test_an_absent_status_is_unknown() -> None:
    """A project without a lastBuildStatus has no verdict yet."""
    assert status_of(a_project()) is BuildStatus.UNKNOWN


def test_a_feed_may_bring_its_own_words() -> None:
    """Whoever writes `weird = failure` in the configuration is heeded."""
    words = {**STATUS_WORDS, "weird": BuildStatus.FAILURE}

    assert status_of(a_project(last_build_status="Weird"), words) is BuildStatus.FAILURE


@pytest.mark.parametrize(("word", "activity"), ACTIVITIES.items())
@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.title, " {} ".format])
def test_activities_are_read_without_case_and_spaces(
    word: str, activity: Activity, spelt: Callable[[str], str]
) -> None:
    """`Building`, `building` and `RUNNING` all set the lamp in motion."""
    assert activity_of(a_project(activity=spelt(word))) is activity


@pytest.mark.parametrize("word", ["Unknown", "Thinking", "Builder"])
def test_an_activity_nobody_knows_is_unknown(word: str) -> None:
    """A word that only resembles Building is not a build."""
    assert activity_of(a_project(activity=word)) is Activity.UNKNOWN


def test_unknown_words_are_told_once_and_in_lower_case() -> None:
    """The log names each odd word of a feed, so that somebody can put it in the configuration."""
    statuses = ("Successggg", "SUCCESSGGG ", "Success", "", "Pending", "unknown_state")
    projects = [a_project(last_build_status=status) for status in statuses]

    assert unknown_words(projects) == {"successggg", "unknown_state"}


def test_a_word_of_the_feed_itself_is_not_unknown() -> None:
    """A word that the configuration explains is not complained about."""
    projects = [a_project(last_build_status="Weird")]

    assert unknown_words(projects, {"weird": BuildStatus.FAILURE}) == frozenset()


@pytest.mark.parametrize(
    ("words", "spellings"),
    [
        (Activity, ["Sleeping", "Building", "CheckingModifications", "Pending", "Unknown"]),
        (BuildStatus, ["Success", "Failure", "Exception", "Cancelled", "Unknown"]),
    ],
)
def test_the_enums_carry_the_spelling_of_the_wire(words: type[Enum], spellings: list[str]) -> None:
    """What is written to others is spelt as cctray.org/v1 and CruiseControl.NET spell it."""
    assert [word.value for word in words] == spellings


def test_a_message_needs_no_kind() -> None:
    """GoCD names the kind of a message, others do not."""
    assert Message("ada") == Message(text="ada", kind="")
