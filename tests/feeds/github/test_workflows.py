"""What listings of workflows mean."""

import pytest

from buildlight.errors import FeedMalformed
from buildlight.feeds.github.workflows import parse_workflows


@pytest.mark.parametrize("document", [None, [], {}, "html", {"workflows": 7}])
def test_what_is_no_listing_is_malformed(document: object) -> None:
    """A proxy's page is not a repository without workflows."""
    with pytest.raises(FeedMalformed, match="check api"):
        parse_workflows(document)
