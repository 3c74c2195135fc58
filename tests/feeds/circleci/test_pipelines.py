"""What listings of CircleCI mean."""

import pytest

from buildlight.errors import FeedMalformed
from buildlight.feeds.circleci.pipelines import parse_pipelines, parse_workflows


@pytest.mark.parametrize("missing", ["id", "name"])
def test_a_workflow_without_its_name_is_left_out(missing: str) -> None:
    """The others count."""
    row = {"id": "w1", "name": "build", "status": "success"}

    told = parse_workflows({"items": [row, {**row, missing: None}]})

    assert [each.id for each in told] == ["w1"]


@pytest.mark.parametrize("document", [None, [], {}, "html", {"items": 7}, {"items": ["x", 7]}])
def test_what_is_no_listing_is_malformed(document: object) -> None:
    """A proxy's page is not an empty list."""
    for parse in (parse_pipelines, parse_workflows):
        with pytest.raises(FeedMalformed, match="check url and api"):
            parse(document)
