"""What the real GitHub answered to others goes through our client and means what it meant."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from buildlight.errors import FeedError, FeedRefused
from buildlight.feeds.forge.runs import DECISIVE
from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.github.runs import EVENTS
from buildlight.feeds.http.messages import Request
from buildlight.feeds.json_api import Budget, JsonApi
from buildlight.feeds.rate_limit import allowance
from buildlight.feeds.sharing import Network
from feeds.real_parts.recordings import API, Exchange, Replay, exchanges

Rows = Sequence[dict[str, Any]]


@pytest.fixture(scope="module")
def recorded(parts: Path) -> list[Exchange]:
    """Every exchange that somebody recorded."""
    found = [*exchanges(parts / "recordings")]
    assert len(found) > 1_000
    return found


def runs_of(exchange: Exchange) -> Rows:
    """Return the workflow runs that *exchange* lists."""
    rows = exchange.document
    rows = rows.get("workflow_runs") if isinstance(rows, dict) else None
    return rows if isinstance(rows, list) else []


def repository_with(listing: Exchange, branch: str) -> Replay:
    """Return a server of the repository whose runs are listed, with *branch* as its default."""
    rows = runs_of(listing)
    root = f"/repos/{rows[0]['repository']['full_name']}"
    files = {row["workflow_id"]: row.get("path") or f"{row['workflow_id']}.yml" for row in rows}
    workflows = [{"id": each, "path": file, "state": "active"} for each, file in files.items()]
    paths = {
        root: {"default_branch": branch},
        f"{root}/actions/runs": listing.document,
        f"{root}/actions/workflows": {"workflows": workflows},
        **{f"{root}/actions/workflows/{each}/runs": {"workflow_runs": []} for each in files},
    }
    return Replay({path: replaced(listing, document) for path, document in paths.items()})


def replaced(exchange: Exchange, document: object) -> Exchange:
    """Return *exchange* with another *document*, under the headers that were recorded."""
    headers = tuple(pair for pair in exchange.headers if pair[0].lower() != "link")
    return replace(exchange, body=json.dumps(document), headers=headers)


def words(replay: Replay, url: str) -> dict[str, str]:
    """Return what a feed says of the repository at *url*: a word for each label."""

    async def read() -> dict[str, str]:
        options = GitHubOptions(url=url)
        feed = GitHubFeed.open(options, network=Network(transport=replay))
        projects = (await feed.read()).projects
        return {each.last_build_label: each.last_build_status for each in projects}

    return asyncio.run(read())


def test_a_feed_says_of_recorded_runs_how_the_newest_ended(recorded: list[Exchange]) -> None:
    """Of each branch of each listing: rows of 2020 to 2026, with and without attempts and paths."""
    compared = 0
    for listing in recorded:
        rows = [row for row in runs_of(listing) if "event" in row]
        for branch in {row["head_branch"] for row in rows}:
            replay = repository_with(listing, branch)
            url = f"https://github.com/{rows[0]['repository']['full_name']}"
            said = words(replay, url)
            assert said.items() <= expected(rows, branch).items()
            compared += len(said)
    assert compared > 20


def expected(rows: Rows, branch: str) -> dict[str, str]:
    """Return the conclusion of each run of *rows* on *branch*, by its label."""
    return {
        f"{row['run_number']}"
        + (f".{attempt}" if (attempt := row.get("run_attempt", 1)) > 1 else ""): (
            row["conclusion"] if row["conclusion"] in DECISIVE else "Unknown"
        )
        for row in rows
        if row["head_branch"] == branch and row["event"] in EVENTS
    }


def test_each_recorded_refusal_is_a_sentence(recorded: list[Exchange]) -> None:
    """Never a traceback, and never taken for news."""
    refused = [each for each in recorded if each.status >= 400]
    assert {each.status for each in refused} >= {401, 403, 404, 502}

    for exchange in refused:
        with pytest.raises(FeedRefused, match=str(exchange.status)):
            fetch(exchange)


def test_each_recorded_document_is_read(recorded: list[Exchange]) -> None:
    """Whatever it is about: with the real headers, in the real encoding."""
    read = 0
    for exchange in recorded[::5]:
        if exchange.status == 200 and exchange.document is not None:
            try:
                assert fetch(exchange) == exchange.document
            except FeedError as error:
                pytest.fail(f"{exchange.file}: {error}")
            read += 1
    assert read > 200


def fetch(exchange: Exchange) -> object:
    """Return what our client makes of *exchange*."""

    async def get() -> object:
        path = exchange.path.partition("?")[0]
        network = Network(transport=Replay({path: exchange}))
        address = f"https://{API}"
        api = JsonApi(
            address,
            Request(address),
            http=network.http,
            budget=Budget(),
            explain=lambda refused: refused,
        )
        return await api.get(path)

    return asyncio.run(get())


def test_each_recorded_limit_is_understood(recorded: list[Exchange]) -> None:
    """Remaining and reset, against the Date of the same answer."""
    understood = 0
    for exchange in recorded:
        headers = {name.lower(): value for name, value in exchange.headers}
        left = allowance(headers)
        if "x-ratelimit-reset" in headers and "date" in headers:
            assert left is not None
            assert 0 <= left.remaining <= left.limit
            assert 0 <= left.seconds <= 3600
            understood += 1
    assert understood > 300
