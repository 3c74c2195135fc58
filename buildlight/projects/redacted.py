"""Removes secrets from projects for output; the rules use the true projects. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from buildlight.projects.matching import Key
from buildlight.projects.project import ACTIVITY_WORDS, STATUS_WORDS, Message, Project, Run
from buildlight.projects.verdict import ProjectState
from buildlight.redaction import MASK, holds_secret, scrub, shown_link


def redacted(projects: Iterable[Project], secrets: frozenset[str]) -> tuple[Project, ...]:
    """Return *projects* without any of *secrets*, and without passwords in their links."""
    projects = tuple(projects)
    # One search through all texts: there may be 50,000 projects, and seldom one to change.
    texts = "\n".join(text for project in projects for text in _texts(project)) if secrets else ""
    if texts and holds_secret(texts, secrets):
        projects = tuple(_scrubbed(project, secrets) for project in projects)
    if any("@" in project.web_url or "?" in project.web_url for project in projects):
        projects = tuple(map(_with_shown_link, projects))
    return projects


def with_true_names(
    known: Mapping[Key, ProjectState], projects: Iterable[Project], secrets: frozenset[str]
) -> Mapping[Key, ProjectState]:
    """Return *known*, which was stored without *secrets*, under the true names of *projects*."""
    if not any(MASK in name for name, _ in known):
        return known
    true = {scrub(project.name, secrets): project.name for project in projects}
    return {(true.get(name, name), nth): state for (name, nth), state in known.items()}


def _texts(project: Project) -> Iterable[str]:
    for name in _TEXTS:
        yield getattr(project, name)
    for message in project.messages:
        yield message.text
        yield message.kind
    if project.run is not None:
        yield from (project.run.branch, project.run.commit, project.run.author)


def _scrubbed(project: Project, secrets: frozenset[str]) -> Project:
    changed: dict[str, Any] = {
        name: scrub(text, secrets)
        for name in _TEXTS
        if (text := getattr(project, name)).strip().lower() not in _WORDS
    }
    messages = (
        Message(text=scrub(each.text, secrets), kind=scrub(each.kind, secrets))
        for each in project.messages
    )
    return replace(
        project,
        **changed,
        messages=tuple(messages),
        run=project.run and _scrubbed_run(project.run, secrets),
    )


def _scrubbed_run(run: Run, secrets: frozenset[str]) -> Run:
    return replace(
        run,
        branch=scrub(run.branch, secrets),
        commit=scrub(run.commit, secrets),
        author=scrub(run.author, secrets),
    )


def _with_shown_link(project: Project) -> Project:
    link = shown_link(project.web_url)
    return project if link == project.web_url else replace(project, web_url=link)


_TEXTS = tuple(field.name for field in fields(Project) if field.type in ("str", str))
# The password may be `building`, which must not hide an activity.
_WORDS = frozenset({*ACTIVITY_WORDS, *STATUS_WORDS})
