"""What GitHub's refusals mean: each has a sentence with its remedy."""

import pytest

from buildlight.errors import FeedRefused
from buildlight.feeds.github.refusals import sentence_of

NEEDED = {"x-accepted-github-permissions": "actions=read"}


def said(status: int, headers: dict[str, str], reason: str = "", *, token: bool = True) -> str:
    """Return the sentence about a refusal."""
    refused = FeedRefused("no", status=status, headers=headers, reason=reason)
    return sentence_of(refused, repository="acme/shop", has_token=token)


@pytest.mark.parametrize(
    ("status", "headers", "reason", "sentence"),
    [
        (401, {}, "bad credentials", "the token is wrong, expired or revoked; make a new one"),
        (403, NEEDED, "resource not accessible by personal", "grant it Actions: read for acme/s"),
        (403, {}, "", "the token lacks a permission; grant it Actions: read for acme/shop"),
        (403, {"x-github-sso": "required; url=x"}, "", "choose Configure SSO"),
        (403, {}, "the `acme` organization has an ip allow list enabled", "add it to its IP allow"),
        (403, {}, "repository access blocked", "GitHub has disabled acme/shop"),
        # A fine-grained token without a permission sees nothing at all.
        (404, NEEDED, "not found", "check the name, and grant the token Actions: read for it"),
        (410, {}, "", "does not serve acme/shop any more"),
        (451, {}, "", "legal reasons"),
        (500, {}, "", ""),
    ],
)
def test_each_refusal_has_a_sentence_of_its_own(
    status: int, headers: dict[str, str], reason: str, sentence: str
) -> None:
    """With the remedy."""
    assert sentence in said(status, headers, reason)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "answers only with a token; set auth"),
        (403, "only with a token; set auth"),
        (404, "or it is private; check the name, or set auth"),
    ],
)
def test_without_a_token_the_remedy_is_one(status: int, sentence: str) -> None:
    """Nobody looks for a permission of a token that there is not."""
    assert sentence in said(status, {}, token=False)
