"""What a team has decided about stages and metrics: sections of `config.yaml`, and of a model's `model.yaml`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelver.domain import names
from modelver.domain.importance import Term
from modelver.domain.lifecycle import rule_of
from modelver.domain.metrics import Goal
from modelver.domain.records import Values
from modelver.domain.text import nearest, quoted
from modelver.errors import UsageError
from modelver.records import yaml
from modelver.records.nodes import Faults, Fields, Node, Wrong
from modelver.records.values import finite, format_number, mapping, optional, stage_name, text

THRESHOLD = 0.05
"""The relative difference that counts where nothing else is configured."""

_STAGE_KEYS = ("from", "require", "must_not_regress")
_GOAL_KEYS = ("goal", "target", "unit", "weight")
_TERM_KEYS = ("weight", "per")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?) ?%")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Stages (None: any name is one), goals of metrics, and what versions are compared by; None is not said.

    A stage's rules have the keys `from`, `require` (a list of expressions) and `must_not_regress` (a share for each
    metric), as far as they are given.
    """

    stages: Mapping[str, Values] | None = None
    metrics: Mapping[str, Goal] = field(default_factory=dict)
    threshold: float | None = None
    primary: str | None = None
    importance: tuple[Term, ...] | None = None

    def over(self, general: Rules) -> Rules:
        """These rules where they say something, else the general ones; stages as a whole, metrics one by one."""
        return Rules(
            stages=general.stages if self.stages is None else self.stages,
            metrics={**general.metrics, **self.metrics},
            threshold=general.threshold if self.threshold is None else self.threshold,
            primary=general.primary if self.primary is None else self.primary,
            importance=general.importance if self.importance is None else self.importance,
        )


def read_rules(fields: Fields, faults: Faults, warnings: Faults) -> Rules:
    """The sections `stages`, `metrics` and `comparison` of a file; unknown keys of the last are warnings."""
    comparison = fields.section("comparison")
    rules = Rules(
        stages=_stages(fields, faults),
        metrics=fields.table("metrics", _goal),
        threshold=comparison.may("threshold", _share, None),
        primary=comparison.may("primary", optional(text), None),
        importance=_importance(comparison, faults),
    )
    note_unknown(comparison, ("threshold", "primary", "importance"), warnings)
    return rules


def parse_card(data: bytes, name: str) -> Rules:
    """What the card of a model, a file written by people, rules for it; all its other keys are for people."""
    faults = Faults()
    fields = Fields(yaml.read(data, name=name), faults)
    fields.may("format", format_number, 1)
    rules = read_rules(fields, faults, warnings=Faults())
    faults.check()
    return rules


def note_unknown(fields: Fields, known: Iterable[str], into: Faults) -> None:
    """Note every key that is left and not known, with the nearest that is."""
    for key, node in fields.left().items():
        if key not in known:
            near = nearest(key, known, 1)
            into.add(node, f"unknown key {quoted(key)}" + (f"; did you mean {near[0]}?" if near else ""))


def _stages(fields: Fields, faults: Faults) -> Mapping[str, Values] | None:
    """The section, whose keys are names of stages or patterns; None (any name is a stage) where it is absent."""
    section = fields.may("stages", _node, None)
    if section is None or section.value is None:
        return None
    found: dict[str, Values] = {}
    inside = Fields(section, faults)
    for name, node in inside.left().items():
        if not names.is_stage_name(name.replace("*", "x").replace("?", "x")):
            faults.add(node, f"{quoted(name)} is neither the name of a stage nor a pattern for some")
        if node.value is None:
            found[name] = {}
            continue
        rules = Fields(node, faults)
        note_unknown(rules, _STAGE_KEYS, faults)
        before = rules.may("from", stage_name, None)
        if before == name:
            faults.add(node, f"{name} cannot come after itself", "from")
        require = _expressions(rules.may("require", _node, None), faults)
        limits = rules.table("must_not_regress", _share)
        given: Values = {"from": before, "require": require, "must_not_regress": limits}
        found[name] = {key: value for key, value in given.items() if value}
    # Who is named as the stage before another is one, without a line of its own.
    named = [str(rules["from"]) for rules in found.values() if "from" in rules]
    return found | {name: {} for name in named if rule_of(name, found) is None}


def _expressions(node: Node | None, faults: Faults) -> tuple[str, ...]:
    """One requirement, or a list of them; each as a person wrote it."""
    if node is None or node.value is None:
        return ()
    from modelver.domain import expressions  # only a configuration with requirements needs their grammar

    found = []
    for each in node.value if isinstance(node.value, list) else [node]:
        if not isinstance(each.value, str):
            faults.add(each, f"expected a requirement like 'auc >= 0.9', found {each.shown()}")
            continue
        try:
            expressions.parse(each.value)
        except UsageError as error:
            faults.add(each, f"{each.shown()} is no requirement: {error.message}")
        found.append(each.value)
    return tuple(found)


def _importance(fields: Fields, faults: Faults) -> tuple[Term, ...] | None:
    """The terms of the importance score: for each metric a weight, or a mapping with `weight` and perhaps `per`."""
    node = fields.may("importance", _node, None)
    if node is None or node.value is None:
        return None
    inside, found = Fields(node, faults), []
    for name, each in inside.left().items():
        if not isinstance(each.value, dict):
            each = Node(file=each.file, line=each.line, value={"weight": each}, parent=node, key=name)
        term = Fields(each, faults)
        note_unknown(term, _TERM_KEYS, faults)
        found.append(Term(metric=name, weight=term.need("weight", finite), per=term.may("per", _unit, 1.0)))
    return tuple(found)


def _unit(node: Node) -> float:
    if finite(node) <= 0:
        raise Wrong("a number above 0")
    return finite(node)


def _weight(node: Node) -> float:
    if finite(node) < 0:
        raise Wrong("a weight from 0 on")
    return finite(node)


def _goal(node: Node) -> Goal:
    """A word, or a mapping with `goal` or `target`, and perhaps `unit` and `weight`."""
    if isinstance(node.value, str):
        return _direction(node.value)
    values = mapping(node)
    if set(values) - set(_GOAL_KEYS) or len(values.keys() & {"goal", "target"}) != 1:
        raise Wrong("maximize, minimize, or a mapping with goal or target, and perhaps unit and weight")
    inside = node.value
    assert isinstance(inside, dict)
    unit = text(inside["unit"]) if "unit" in inside else None
    weight = _weight(inside["weight"]) if "weight" in inside else 1
    if "target" in inside:
        return Goal(direction="target", target=finite(inside["target"]), unit=unit, weight=weight)
    return dataclasses.replace(_direction(text(inside["goal"])), unit=unit, weight=weight)


def _direction(word: str) -> Goal:
    if word == "maximize":
        return Goal(direction="maximize")
    if word == "minimize":
        return Goal(direction="minimize")
    raise Wrong("maximize or minimize")


def _share(node: Node) -> float:
    """A share, as a number from 0 to 1 or in per cent."""
    match = _PERCENT.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is not None:
        return float(match[1]) / 100
    if isinstance(node.value, str) or not 0 <= finite(node) <= 1:
        raise Wrong("a share like 5% or 0.05")
    return finite(node)


def _node(node: Node) -> Node:
    return node
