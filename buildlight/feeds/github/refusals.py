"""What GitHub's refusals mean, each with its remedy. Pure.

Facts: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api.
"""

from buildlight.errors import FeedRefused


def sentence_of(refused: FeedRefused, *, repository: str, has_token: bool) -> str:
    """Return what *refused* means, for the owner of the lamp; empty for what needs no words."""
    match refused.status:
        case 401 if has_token:
            return "401 Unauthorized: the token is wrong, expired or revoked; make a new one"
        case 401:
            return "401 Unauthorized: this GitHub answers only with a token; set auth"
        case 403:
            return f"403 Forbidden: {_forbidden(refused, repository, has_token=has_token)}"
        case 404:
            # So answers GitHub a token without a permission, too, as if there were nothing.
            return f"404 Not Found: no repository {repository}, " + (
                f"or the token cannot see it; check the name, and grant the token "
                f"{_permission(refused)} for it"
                if has_token
                else "or it is private; check the name, or set auth"
            )
        case status:
            return _FOR_GOOD.get(status or 0, "").format(repository)


_FOR_GOOD = {
    410: "410 Gone: GitHub does not serve {} any more; remove the feed",
    451: "451: GitHub has blocked {} for legal reasons; remove the feed",
}


def _forbidden(refused: FeedRefused, repository: str, *, has_token: bool) -> str:
    if "x-github-sso" in refused.headers:
        return (
            "the token is not authorized for this organization; on GitHub open the token and "
            "choose Configure SSO"
        )
    if "ip allow list" in refused.reason:
        return "the organization does not allow this IP address; add it to its IP allow list"
    if "access blocked" in refused.reason:
        return f"GitHub has disabled {repository}; its owner has a mail from GitHub"
    if not has_token:
        return "GitHub answers this only with a token; set auth"
    return f"the token lacks a permission; grant it {_permission(refused)} for {repository}"


def _permission(refused: FeedRefused) -> str:
    told = refused.headers.get("x-accepted-github-permissions", "")
    name, _, level = told.partition(",")[0].partition("=")
    return f"{name.strip().capitalize()}: {level.strip()}" if level else "Actions: read"
