"""What listings of Gitea and Forgejo mean."""

import pytest

from buildlight.errors import FeedMalformed
from buildlight.feeds.gitea.runs import parse_runs


@pytest.mark.parametrize(
    "document", [None, [], {}, "html", {"workflow_runs": 7}, {"workflow_runs": ["x", {}]}]
)
def test_what_is_no_listing_is_malformed(document: object) -> None:
    """A server before 1.25 answers with something else, and a proxy with its page."""
    with pytest.raises(FeedMalformed, match="check api"):
        parse_runs(document)
