"""The configuration of a registry."""

import pytest

from modelver.domain.importance import Term
from modelver.domain.metrics import Goal
from modelver.errors import Damaged
from modelver.records.config import Config, parse_config

EXAMPLE = b"""\
format: 1
branch: main
stages:
  production: {from: staging, require: ['auc >= 0.9'], must_not_regress: {latency_ms: 10%}}
  production-*:
metrics: {auc: maximize, latency_ms: {goal: minimize, unit: ms}, temperature: {target: 0.7}}
comparison: {threshold: 5%, primary: accuracy, importance: {accuracy: {weight: 0.7}}}
remotes: {store: {url: 's3://bucket/prefix', default: true}}
objects: {link: hardlink, auto_fetch: true}
tags: {versions: ref, labels: off, promotions: tag}
ignore: gitignore
commit: {hooks: true, trailer: '[skip ci]'}
hooks: {checkout: true, max_size: 1.5 GiB}
"""


def config(data: bytes) -> Config:
    return parse_config(data, ".modelver/config.yaml")


def faults(data: bytes) -> list[str]:
    with pytest.raises(Damaged) as caught:
        config(data)
    return [caught.value.message, *caught.value.hints]


def test_the_example_of_the_format():
    """Configuration: every key of the example is read and typed."""
    found = config(EXAMPLE)
    assert (found.branch, found.ignore, found.warnings) == ("main", "gitignore", ())
    assert (found.objects.link, found.objects.auto_fetch) == ("hardlink", True)
    assert (found.tags.versions, found.tags.labels, found.tags.promotions) == ("ref", "off", "tag")
    assert (found.commit.hooks, found.commit.trailer) == (True, "[skip ci]")
    assert (found.hooks.checkout, found.hooks.max_size) == (True, 1.5 * 2**30)
    assert found.rules.stages is not None
    assert list(found.rules.stages) == ["production", "production-*", "staging"]
    assert found.rules.stages["production"] == {
        "from": "staging",
        "require": ("auc >= 0.9",),
        "must_not_regress": {"latency_ms": 0.1},
    }
    assert (found.rules.threshold, found.rules.primary) == (0.05, "accuracy")
    assert found.rules.importance == (Term(metric="accuracy", weight=0.7),)
    assert found.rules.metrics["temperature"] == Goal(direction="target", target=0.7)


@pytest.mark.parametrize(
    "data", [b"", b"# nothing yet\n", b"format: 1\n", b"{}", b"metrics:\nremotes:\nobjects:\nstages:\n"]
)
def test_everything_is_optional(data):
    """Configuration: an empty file is one with all defaults; without `stages` any name is a stage."""
    assert config(data) == Config()
    assert config(data).rules.stages is None


def test_an_unknown_key_is_a_warning():
    """Configuration: an unknown key proposes the nearest one, and stops nobody."""
    found = config(b"brnch: main\nobjects: {lnk: copy}\n")
    assert found.branch is None
    assert sorted(found.warnings) == [
        ".modelver/config.yaml:1: brnch: unknown key 'brnch'; did you mean branch?",
        ".modelver/config.yaml:2: objects.lnk: unknown key 'lnk'; did you mean link?",
    ]


def test_an_unknown_key_of_a_stage_is_an_error():
    """Configuration: a gate that is misspelt must not be open."""
    assert faults(b"stages:\n  production:\n    requires: [x]\n") == [
        ".modelver/config.yaml:3: stages.production.requires: unknown key 'requires'; did you mean require?"
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"format: 2", "format: expected format 1"),
        (b"branch: 1", "branch: expected the name of a branch, found 1"),
        (b"branch: -x", "branch"),
        (b"ignore: both", "expected exclude or gitignore, found 'both'"),
        (b"objects: {link: symlink}", "objects.link: expected reflink or copy or hardlink"),
        (b"objects: [1]", "objects: expected a mapping, found a list"),
        (b"tags: {versions: off}", "tags.versions"),
        (b"commit: {hooks: yes}", "commit.hooks: expected true or false, found 'yes'"),
        (b"hooks: {max_size: -1}", "hooks.max_size: expected a size like 10MB, 1GiB or a number of bytes, found -1"),
        (b"hooks: {max_size: true}", "hooks.max_size: expected a size"),
        (b"hooks: {checkout: yes}", "hooks.checkout: expected true or false"),
        (b"stages: [production]", "stages: expected a mapping, found a list"),
        (b"stages: {Production: }", "stages.Production"),
        (b"stages: {production: staging}", "stages.production: expected a mapping"),
        (b"remotes: {store: x}", "remotes.store: expected a mapping"),
        (b"stages: {a: {require: 'auc >'}}", "stages.a.require: 'auc >' is no requirement: "),
        (
            b"stages: {a: {require: ['auc > 1', 2]}}",
            "stages.a.require[1]: expected a requirement like 'auc >= 0.9', found 2",
        ),
        (b"stages: {a: {must_not_regress: {auc: 2}}}", "stages.a.must_not_regress.auc: expected a share"),
        (b"stages: {a: {must_not_regress: [auc]}}", "stages.a.must_not_regress: expected a mapping"),
        (b"metrics: {auc: {goal: maximize, weight: -1}}", "metrics.auc: expected a weight from 0 on"),
        (b"metrics: {auc: {weight: 1}}", "metrics.auc: expected maximize, minimize, or a mapping"),
        (b"comparison: {importance: {auc: high}}", "comparison.importance.auc: expected a finite number"),
        (b"comparison: {importance: {auc: {per: 1}}}", "comparison.importance.auc.weight: missing"),
        (b"comparison: {importance: {auc: {weight: 1, per: 0}}}", "importance.auc.per: expected a number above 0"),
        (b"comparison: {importance: {auc: {weight: 1, pr: 2}}}", "unknown key 'pr'; did you mean per?"),
    ],
)
def test_wrong_values_are_damage(data, words):
    """Configuration: a value of the wrong kind is exit 5 with file, line and key."""
    assert words in faults(data)[0]


def test_weights_of_metrics_and_of_the_importance_score():
    """Configuration: a number alone is the weight; `per` is the unit that it counts for."""
    found = config(
        b"metrics: {auc: {goal: maximize, weight: 3}, drift: {target: 0, weight: 0}}\n"
        b"comparison: {importance: {accuracy: 2, latency: {weight: -0.5, per: 100}}}\n"
    ).rules
    assert found.metrics["auc"] == Goal(direction="maximize", weight=3)
    assert found.metrics["drift"] == Goal(direction="target", target=0, weight=0)
    assert found.importance == (Term(metric="accuracy", weight=2), Term(metric="latency", weight=-0.5, per=100))


def test_one_requirement_needs_no_list():
    """Configuration: `require` is one expression or several."""
    assert config(b"stages: {a: {require: 'auc > 0.5'}}").rules.stages == {"a": {"require": ("auc > 0.5",)}}


def test_all_faults_are_told_at_once():
    """Configuration: one run tells everything that is wrong with the file."""
    assert len(faults(b"branch: 1\nignore: x\nstages: {a: {b: 1}}\n")) == 3
