"""`config.yaml`: what holds for the team. Read from the tree that is read, like any record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelver.domain.records import Values
from modelver.domain.text import printable, size_of
from modelver.records import yaml
from modelver.records.defaults import MAX_SIZE
from modelver.records.nodes import Convert, Faults, Fields, Node, Wrong
from modelver.records.rules import Rules, note_unknown, read_rules
from modelver.records.values import format_number, mapping, one_of, text, truth

_KEYS = "format branch stages metrics comparison remotes objects tags ignore commit hooks"
_LINKS = ("reflink", "copy", "hardlink")
_IGNORES = ("exclude", "gitignore")


@dataclass(frozen=True, kw_only=True)
class Objects:
    """How objects and the work tree share bytes, and whether missing ones are fetched unasked."""

    link: str = "reflink"
    auto_fetch: bool = False


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Which Git tags are made: `tag`, `ref` (under refs/modelver/) or `off`."""

    versions: str = "tag"
    labels: str = "tag"
    promotions: str = "tag"


@dataclass(frozen=True, kw_only=True)
class Commit:
    """How commits are made: with the user's hooks or not, and what stands at the end of their messages."""

    hooks: bool = False
    trailer: str = ""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What the Git hooks do: put artifacts in place or not, and the bytes of the largest model file they let pass."""

    checkout: bool = False
    max_size: int = MAX_SIZE


@dataclass(frozen=True, kw_only=True)
class Config:
    """The configuration, every key with its default; `warnings` tell of keys that nothing reads."""

    branch: str | None = None
    rules: Rules = field(default_factory=Rules)
    remotes: Mapping[str, Values] = field(default_factory=dict)
    objects: Objects = field(default_factory=Objects)
    tags: Tags = field(default_factory=Tags)
    ignore: str = "exclude"
    commit: Commit = field(default_factory=Commit)
    hooks: Hooks = field(default_factory=Hooks)
    warnings: tuple[str, ...] = ()


def parse_config(data: bytes, name: str) -> Config:
    """The configuration in the file `name`; an empty file is one with all defaults.

    Unknown keys are `warnings`, in `stages` faults. Raises Damaged with all faults of the file.
    """
    faults = Faults()
    warnings = Faults()
    fields = Fields(yaml.read(data, name=name), faults)
    fields.may("format", format_number, 1)
    faults.check()  # nothing else can be said about a format that is not known
    config = Config(
        branch=fields.may("branch", _branch, None),
        rules=read_rules(fields, faults, warnings),
        remotes=fields.table("remotes", mapping),
        objects=_objects(fields.section("objects"), warnings),
        tags=_tags(fields.section("tags"), warnings),
        ignore=fields.may("ignore", one_of(*_IGNORES), "exclude"),
        commit=_commit(fields.section("commit"), warnings),
        hooks=_hooks(fields.section("hooks"), warnings),
    )
    note_unknown(fields, _KEYS.split(), warnings)
    faults.check()
    return replace(config, warnings=tuple(warnings.lines))


def _objects(fields: Fields, warnings: Faults) -> Objects:
    objects = Objects(
        link=fields.may("link", one_of(*_LINKS), "reflink"),
        auto_fetch=fields.may("auto_fetch", truth, False),
    )
    note_unknown(fields, ("link", "auto_fetch"), warnings)
    return objects


def _tags(fields: Fields, warnings: Faults) -> Tags:
    tags = Tags(
        versions=fields.may("versions", one_of("tag", "ref"), "tag"),
        labels=fields.may("labels", _or_off("tag", "ref"), "tag"),
        promotions=fields.may("promotions", _or_off("tag"), "tag"),
    )
    note_unknown(fields, ("versions", "labels", "promotions"), warnings)
    return tags


def _commit(fields: Fields, warnings: Faults) -> Commit:
    commit = Commit(hooks=fields.may("hooks", truth, False), trailer=fields.may("trailer", text, ""))
    note_unknown(fields, ("hooks", "trailer"), warnings)
    return commit


def _hooks(fields: Fields, warnings: Faults) -> Hooks:
    hooks = Hooks(checkout=fields.may("checkout", truth, False), max_size=fields.may("max_size", _size, MAX_SIZE))
    note_unknown(fields, ("checkout", "max_size"), warnings)
    return hooks


def _size(node: Node) -> int:
    """A number of bytes, alone or with a unit."""
    value = node.value
    found = size_of(value) if isinstance(value, str) else value if isinstance(value, int) else None
    if found is None or isinstance(found, bool) or found < 0:
        raise Wrong("a size like 10MB, 1GiB or a number of bytes")
    return found


def _branch(node: Node) -> str | None:
    """A branch's short name; what Git would not take is left to Git to refuse, save what could be an option."""
    name = node.value
    if not isinstance(name, str) or not name or name.startswith("-") or printable(name) != name or " " in name:
        raise Wrong("the name of a branch")
    return name


def _or_off(*words: str) -> Convert[str]:
    # A plain `off` is the string "off" to our reader; YAML 1.1 tools that rewrite the file make it false.
    def convert(node: Node) -> str:
        return "off" if node.value is False else one_of(*words, "off")(node)

    return convert
