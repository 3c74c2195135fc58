"""A project as an output may show it."""

from dataclasses import fields
from typing import Any

from buildlight.projects.project import Message, Project, Run
from buildlight.projects.redacted import redacted, with_true_names
from support.examples import a_memory, a_project

SECRETS = frozenset({"s3cret-token", "building"})


def test_every_text_of_a_project_is_redacted() -> None:
    """A field that is added later is not forgotten."""
    texts = [each.name for each in fields(Project) if each.type in ("str", str)]
    echo: dict[str, Any] = {name: f"{name} s3cret-token" for name in texts}
    project = Project(
        **echo,
        messages=(Message("by s3cret-token", kind="s3cret-token"),),
        run=Run("s3cret-token", "s3cret-token", author="s3cret-token"),
    )

    (shown,) = redacted([project], SECRETS)

    assert len(texts) >= 5
    assert [getattr(shown, name) for name in texts] == [f"{name} ***" for name in texts]
    assert shown.messages == (Message("by ***", kind="***"),)
    assert shown.run == Run("***", "***", author="***")


def test_words_of_the_trade_stay_what_they_are() -> None:
    """A password `building` does not hide that something is being built."""
    (shown,) = redacted([a_project("building it", activity="Building")], SECRETS)

    assert (shown.name, shown.activity) == ("*** it", "Building")


def test_a_project_without_a_secret_is_the_same_object() -> None:
    """Thousands of projects cost one search, and no copies."""
    projects = (a_project(), a_project("web", web_url="https://ci.example/job/web?page=2"))

    assert all(map(lambda one, two: one is two, projects, redacted(projects, SECRETS)))


def test_a_link_is_redacted_without_any_secret_configured() -> None:
    """Servers that were set up with a password in their own address put it into every link."""
    (shown,) = redacted([a_project(web_url="https://ada:pass@ci.example/job")], frozenset())

    assert shown.web_url == "https://ci.example/job"


def test_a_stored_name_without_its_secret_is_found_again() -> None:
    """A red project whose name holds a token stays red after a restart."""
    stored = {("shop ***", 0): a_memory("shop ***"), ("web", 0): a_memory("web")}
    answer = (a_project("shop s3cret-token"), a_project("web"))

    known = with_true_names(stored, answer, SECRETS)

    assert [*known] == [("shop s3cret-token", 0), ("web", 0)]
    assert known["shop s3cret-token", 0] is stored["shop ***", 0]


def test_names_that_were_stored_whole_stay_as_they_are() -> None:
    """Hardly any name holds a secret."""
    stored = {("web", 0): a_memory("web")}

    assert with_true_names(stored, [a_project("web")], SECRETS) is stored
