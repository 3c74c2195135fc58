"""What GitLab's refusals mean: each has a sentence with its remedy."""

import pytest

from buildlight.errors import FeedRefused
from buildlight.feeds.gitlab.refusals import sentence_of


@pytest.mark.parametrize(
    ("status", "reason", "sentence"),
    [
        (401, "", "the token is wrong, expired or revoked; make a new one"),
        (403, '{"error":"insufficient_scope"', "lacks the scope read_api; make a new one with it"),
        (403, "", "the token lacks the role Reporter in acme/shop, or CI/CD is disabled"),
        (404, "", "give the token the scope read_api and the role Reporter"),
        (500, "", ""),
    ],
)
def test_with_a_token_the_remedy_is_about_it(status: int, reason: str, sentence: str) -> None:
    """Without one it is to set one: see the tests of the feed."""
    refused = FeedRefused("no", status=status, reason=reason)

    told = sentence_of(refused, project="acme/shop", has_token=True)
    assert sentence in told
    assert bool(told) == bool(sentence)
