"""What GitHub's refusals mean, each with its remedy. Pure.

Facts: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api.
"""

from buildlight.errors import FeedRefused


def sentence_of(refused: FeedRefused, *, repository: str, has_token: bool) -> str:
    """Return what *refused* means, for the owner of the lamp; empty for what needs no words."""
    needed = _permission(refused.headers.get("x-accepted-github-permissions", ""))
    unseen = (
        f"or the token cannot see it; check the name, and grant the token {needed} for it"
        if has_token
        else "or it is private; check the name, or set auth"
    )
    sentences = {
        401: "401 Unauthorized: the token is wrong, expired or revoked; make a new one",
        403: f"403 Forbidden: the token lacks a permission; grant it {needed} for {repository}",
        404: f"404 Not Found: no repository {repository}, {unseen}",
        410: f"410 Gone: GitHub does not serve {repository} any more; remove the feed",
        451: f"451: GitHub has blocked {repository} for legal reasons; remove the feed",
    }
    if refused.status == 403 and "x-github-sso" in refused.headers:  # noqa: PLR2004 - Forbidden
        return (
            "403 Forbidden: the token is not authorized for this organization; on GitHub open the "
            "token and choose Configure SSO"
        )
    return sentences.get(refused.status or 0, "")


def _permission(header: str) -> str:
    name, _, level = header.partition(",")[0].partition("=")
    return f"{name.strip().capitalize()}: {level.strip()}" if level else "Actions: read"
