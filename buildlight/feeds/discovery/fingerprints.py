"""Fingerprints: guesses a feed's server from its address and its content. Pure.

A guess is for people; it never decides what a lamp shows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from buildlight.projects.project import Project

NEVER = r"(?!)"
"""A pattern that matches nothing."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and the regular expressions that identify it.

    *address* is searched in the feed's address, *link* in each ``webUrl``, *words* in each
    name, activity and status; one match is enough.
    """

    name: str
    address: str = NEVER
    link: str = NEVER
    words: str = NEVER

    def matches(self, url: str, projects: Iterable[Project]) -> bool:
        """Return whether the feed at *url* looks like this server's."""
        return bool(re.search(self.address, url)) or any(
            re.search(self.link, project.web_url) or _says(project, self.words)
            for project in projects
        )


def _says(project: Project, words: str) -> bool:
    said = (project.name, project.activity, project.last_build_status)
    return any(re.search(words, each) for each in said)


# The first match wins, so hosts come before paths, and paths of one server before paths that
# several share. The documents in tests/feeds are their source.
SERVERS = (
    Server("CircleCI", address=r"//(app\.)?circleci\.com/", link=r"//(app\.)?circleci\.com/"),
    Server("Travis CI", address=r"travis-ci\.(com|org)/", link=r"travis-ci\.(com|org)/"),
    Server("Buildkite", address=r"//cc\.buildkite\.com/", link=r"//buildkite\.com/"),
    Server("Cirrus CI", address=r"cirrus-ci\.com/", link=r"//cirrus-ci\.com/"),
    Server("Semaphore, through a proxy", link=r"\.semaphoreci\.com/"),
    Server("Snap CI", address=r"//snap-ci\.com/", link=r"/branch/[^/]+/logs/\d+"),
    Server("GitHub Actions, through a proxy", link=r"//github\.com/[^/]+/[^/]+/actions/"),
    Server("Bamboo, through a proxy", link=r"/rest/api/latest/result/"),
    Server("GoCD", address=r"/go/cctray\.xml", link=r"/go/(pipelines|tab)/"),
    Server(
        "TeamCity",
        address=r"/app/rest/cctray/",
        link=r"/viewType\.html\?|/buildConfiguration/",
        words=r"^Has pending changes$|^NORMAL$",
    ),
    Server(
        "Concourse",
        address=r"/api/v1/teams/[^/]+/cc\.xml",
        link=r"/teams/[^/]+/pipelines/[^/]+/jobs/",
    ),
    Server(
        "CruiseControl.NET",
        address=r"/ccnet/|/XmlServerReport\.aspx",
        link=r"/View\w+Report\.aspx",
        words=r"^unknown_state$|^Cancelled$",
    ),
    Server("CruiseControl", address=r"/dashboard/cctray\.xml", link=r"/dashboard/(tab/)?build/"),
    Server("Deployer", link=r"/deployment/\d+$", words=r"^Deployer: "),
    Server("CruiseControl.rb", link=r"/projects(projects)?/[^/]+$"),
    Server("Jenkins", address=r"/hudson/cc\.xml|/job/", link=r"/job/[^/]+/$", words=" » "),
    Server("Woodpecker", link=r"/repos/\d+/pipeline/\d+$"),
    Server("Drone", address=r"/api/badges/"),
    Server("Shipit", address=r"/ccmenu\.xml"),
    Server("PHPCI", address=r"/build-status/ccxml/", link=r"/build/view/\d+$"),
    Server("Kraken", address=r"/bk/branch-badge/", link=r"/branches/\d+/ci$"),
    Server("Blazar", address=r"/branches/state/cc\.xml", link=r"/builds/branch/"),
    Server("Solano CI", address=r"/cc/[^/]+/cctray\.xml", link=r"/reports/\d+$"),
)


def identify(url: str, projects: Iterable[Project]) -> str | None:
    """Return the name of the server whose feed at *url* holds *projects*, if it is known."""
    held = tuple(projects)
    return next((server.name for server in SERVERS if server.matches(url, held)), None)
