"""Where a Git host shows a comparison of two branches, from which a pull request is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_SHORT = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>.+)")
"""Git's short form of an SSH address."""

_WEB = ("http", "https", "ssh", "git", "git+ssh")

_SSH_HOSTS = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""Hosts that take SSH at the port of HTTPS, for networks with no way out but that; their pages are elsewhere."""

_WITHOUT_PAGE = re.compile(r"(?:.+\.)?(?:dev\.azure\.com|visualstudio\.com)")
"""Azure DevOps has other paths for its pages than for its repositories."""


@dataclass(frozen=True)
class Home:
    """Where a repository is at home: its host, with a port where it is asked by HTTP, and its path there."""

    host: str
    path: str
    scheme: str = "https"


def home_of(url: str) -> Home | None:
    """The home of the repository that a remote's address names, without credentials; None for one on no host.

    >>> home_of("git@github.com:acme/fraud.git"), home_of("../hub.git")
    (Home(host='github.com', path='acme/fraud', scheme='https'), None)
    """
    scheme = "https"
    if "://" in url:
        try:
            parts = urlsplit(url)
            by_http = parts.scheme in ("http", "https")
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
            port = f":{parts.port}" if parts.port and by_http else ""
        except ValueError:
            return None
        if parts.scheme not in _WEB:
            return None
        path, scheme = parts.path, parts.scheme if by_http else scheme
    elif match := _SHORT.fullmatch(url):
        host, port, path, by_http = match["host"].lower(), "", match["path"], False
    else:
        return None
    host, path = _SSH_HOSTS.get(host, host), path.strip("/").removesuffix(".git")
    if not host or _WITHOUT_PAGE.fullmatch(host) or not (by_http or "." in host or host.startswith("[")):
        return None  # one word is a drive, or a name that only this machine's configuration of SSH knows
    # A path of one part is nobody's repository on a host.
    return Home(host + port, path, scheme) if "/" in path else None


def compare_url(home: Home, base: str, branch: str) -> str:
    """The page on which a host offers to open a pull request from `branch` into `base`.

    GitLab and Bitbucket are known by their names; GitHub's form serves the others, such as Gitea and Forgejo.

    >>> compare_url(Home("github.com", "acme/fraud"), "main", "promote/fraud")
    'https://github.com/acme/fraud/compare/main...promote/fraud?expand=1'
    """
    top = f"{home.scheme}://{home.host}/{quote(home.path, safe='/~')}"
    base, source = quote(base, safe="/"), quote(branch, safe="/")
    if "gitlab" in home.host:
        words = f"merge_request%5Bsource_branch%5D={source}&merge_request%5Btarget_branch%5D={base}"
        return f"{top}/-/merge_requests/new?{words}"
    if "bitbucket" in home.host:
        return f"{top}/pull-requests/new?source={source}&dest={base}"
    return f"{top}/compare/{base}...{source}?expand=1"
