"""What GitLab's refusals mean, each with its remedy. Pure.

Facts: https://docs.gitlab.com/api/rest/troubleshooting and https://docs.gitlab.com/api/pipelines.
"""

from buildlight.errors import FeedRefused


def sentence_of(refused: FeedRefused, *, project: str, has_token: bool) -> str:
    """Return what *refused* means, for the owner of the lamp; empty for what needs no words."""
    match refused.status:
        case 401 if has_token:
            return "401 Unauthorized: the token is wrong, expired or revoked; make a new one"
        case 401:
            return "401 Unauthorized: this GitLab answers only with a token; set auth"
        case 403 if "insufficient_scope" in refused.reason:
            return "403 Forbidden: the token lacks the scope read_api; make a new one with it"
        case 403:
            return (
                "403 Forbidden: "
                + ("the token lacks the role Reporter in " if has_token else "no token for ")
                + f"{project}, or CI/CD is disabled there; "
                + ("give it that role" if has_token else "set auth")
            )
        case 404:
            return (
                f"404 Not Found: no project {project}, "
                + (
                    "or the token cannot see it; check the path, and give the token the scope "
                    "read_api and the role Reporter"
                    if has_token
                    else "or it is private; check the path, or set auth"
                )
                + "; behind a proxy that decodes %2F, write https://HOST/projects/NUMBER in url"
            )
    return ""
