"""Where a Git host shows a comparison of two branches, from which a pull request is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_SHORT = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>.+)")
"""Git's short form of an SSH address."""

_WEB = ("http", "https", "ssh", "git", "git+ssh")


@dataclass(frozen=True)
class Home:
    """Where a repository is at home: its host, with a port where it is asked by HTTP, and its path there."""

    host: str
    path: str


def home_of(url: str) -> Home | None:
    """The home of the repository that a remote's address names, without credentials; None for one on no host.

    >>> home_of("git@github.com:acme/fraud.git"), home_of("../hub.git")
    (Home(host='github.com', path='acme/fraud'), None)
    """
    if "://" in url:
        try:
            parts = urlsplit(url)
            port = f":{parts.port}" if parts.port and parts.scheme.startswith("http") else ""
        except ValueError:
            return None
        host, path = parts.hostname or "", parts.path
        if parts.scheme not in _WEB:
            return None
        host += port
    elif match := _SHORT.fullmatch(url):
        host, path = match["host"].lower(), match["path"]
    else:
        return None
    path = path.strip("/").removesuffix(".git")
    # One letter before a colon is a drive, and a path of one part is nobody's repository on a host.
    return Home(host, path) if len(host) > 1 and "/" in path else None


def compare_url(home: Home, base: str, branch: str) -> str:
    """The page on which a host offers to open a pull request from `branch` into `base`.

    GitLab and Bitbucket are known by their names; GitHub's form serves the others, such as Gitea and Forgejo.

    >>> compare_url(Home("github.com", "acme/fraud"), "main", "promote/fraud")
    'https://github.com/acme/fraud/compare/main...promote/fraud?expand=1'
    """
    top = f"https://{home.host}/{quote(home.path, safe='/~')}"
    base, source = quote(base, safe="/"), quote(branch, safe="/")
    if "gitlab" in home.host:
        words = f"merge_request%5Bsource_branch%5D={source}&merge_request%5Btarget_branch%5D={base}"
        return f"{top}/-/merge_requests/new?{words}"
    if "bitbucket" in home.host:
        return f"{top}/pull-requests/new?source={source}&dest={base}"
    return f"{top}/compare/{base}...{source}?expand=1"
