"""What GitLab's refusals mean, each with its remedy. Pure.

Facts: https://docs.gitlab.com/api/rest/troubleshooting and https://docs.gitlab.com/api/pipelines.
"""

from buildlight.errors import FeedRefused


def sentence_of(refused: FeedRefused, *, project: str, has_token: bool) -> str:
    """Return what *refused* means, for the owner of the lamp; empty for what needs no words."""
    unseen = (
        "or the token cannot see it; check the path, and give the token the scope read_api and the "
        "role Reporter"
        if has_token
        else "or it is private; check the path, or set auth"
    )
    sentences = {
        401: "401 Unauthorized: the token is wrong, expired or revoked; make a new one",
        403: "403 Forbidden: the token lacks the scope read_api or the role Reporter in "
        f"{project}, or CI/CD is disabled there",
        404: f"404 Not Found: no project {project}, {unseen}; behind a proxy that decodes %2F, "
        "write https://HOST/projects/NUMBER in url",
    }
    return sentences.get(refused.status or 0, "")
