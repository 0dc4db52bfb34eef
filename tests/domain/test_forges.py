"""Addresses of remotes, and the pages from which a pull request is opened."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain.forges import Home, compare_url, home_of


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://github.com/acme/fraud.git", Home("github.com", "acme/fraud")),
        ("https://me:secret@GitHub.com/acme/fraud", Home("github.com", "acme/fraud")),
        ("https://git.example.org:8443/acme/fraud/", Home("git.example.org:8443", "acme/fraud")),
        ("ssh://git@gitlab.example.org:2222/group/sub/fraud.git", Home("gitlab.example.org", "group/sub/fraud")),
        ("git@github.com:acme/fraud.git", Home("github.com", "acme/fraud")),
        ("github.com:acme/fraud", Home("github.com", "acme/fraud")),
        ("ssh://git@ssh.github.com:443/acme/fraud.git", Home("github.com", "acme/fraud")),
        ("ssh://git@altssh.gitlab.com:443/acme/fraud.git", Home("gitlab.com", "acme/fraud")),
        ("ssh://git@altssh.bitbucket.org:443/acme/fraud.git", Home("bitbucket.org", "acme/fraud")),
        ("https://[2001:db8::1]:8443/acme/fraud", Home("[2001:db8::1]:8443", "acme/fraud")),
        ("ssh://git@[2001:db8::1]:2222/acme/fraud", Home("[2001:db8::1]", "acme/fraud")),
        ("http://localhost:3000/acme/fraud.git", Home("localhost:3000", "acme/fraud", "http")),
        ("https://forge/acme/fraud", Home("forge", "acme/fraud")),
        ("work:acme/fraud.git", None),
        ("ssh://work/acme/fraud.git", None),
        ("https://dev.azure.com/acme/ml/_git/fraud", None),
        ("git@ssh.dev.azure.com:v3/acme/ml/fraud", None),
        ("https://acme.visualstudio.com/ml/_git/fraud", None),
        ("../hub.git", None),
        ("/srv/git/hub.git", None),
        ("file:///srv/git/hub.git", None),
        ("C:/work/hub.git", None),
        ("https://[broken", None),
        ("https://host:port/a/b", None),
        ("ext::sh -c evil", None),
        ("", None),
    ],
)
def test_the_home_of_an_address(url: str, home: Home | None) -> None:
    """Host and path, without credentials, port of SSH or ending; None for what is on no host whose pages we know.

    A word without a dot is a host where HTTP asks it, and an alias of this machine's where SSH does.
    """
    assert home_of(url) == home


@pytest.mark.parametrize(
    ("host", "page"),
    [
        ("github.com", "/acme/fraud/compare/main...a/b?expand=1"),
        ("codeberg.org", "/acme/fraud/compare/main...a/b?expand=1"),
        (
            "gitlab.example.org",
            "/acme/fraud/-/merge_requests/new"
            "?merge_request%5Bsource_branch%5D=a/b&merge_request%5Btarget_branch%5D=main",
        ),
        ("bitbucket.org", "/acme/fraud/pull-requests/new?source=a/b&dest=main"),
    ],
)
def test_each_host_has_a_page_of_its_own(host: str, page: str) -> None:
    """The documented addresses of GitHub, GitLab and Bitbucket; GitHub's serves Gitea and Forgejo."""
    assert compare_url(Home(host, "acme/fraud"), "main", "a/b") == f"https://{host}{page}"


@given(st.text(max_size=60))
def test_no_address_breaks_it(url: str) -> None:
    """Any text has a home or none, and the page of a home is an address on that host."""
    home = home_of(url)
    if home is not None:
        parts = urlsplit(compare_url(home, "main", "feature/x y#?&"))
        assert parts.scheme == home.scheme
        assert parts.netloc.partition(":")[0] == home.host.partition(":")[0]
        assert not parts.fragment
