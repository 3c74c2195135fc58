"""What CircleCI's refusals mean, each with its remedy. Pure."""

from buildlight.errors import FeedRefused


def sentence_of(refused: FeedRefused, *, project: str, has_token: bool) -> str:
    """Return what *refused* means, for the owner of the lamp; empty for what needs no words."""
    unseen = (
        "or the token's person cannot see it; check url, and use a personal token of somebody who "
        "follows the project"
        if has_token
        else "or it is private; check url, or set auth"
    )
    sentences = {
        401: "401 Unauthorized: the token is wrong or revoked, or it is a project token; the API "
        "takes only a personal token",
        403: f"403 Forbidden: the token's person has no read access to {project}; grant it",
        404: f"404 Not Found: no project {project}, {unseen}",
    }
    return sentences.get(refused.status or 0, "")
