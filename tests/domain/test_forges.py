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
    """Host and path, without credentials, port of SSH or ending; None for what is on no host."""
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
        assert parts.scheme == "https"
        assert parts.netloc.partition(":")[0] == home.host.partition(":")[0]
        assert not parts.fragment
