"""The gates of a promotion: what the command asks and what the configuration asks of everyone, before a stage moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from modelver.catalog import Catalog
from modelver.domain.evidence import Evidence
from modelver.domain.records import Values, Version
from modelver.domain.resolution import Resolved
from modelver.errors import NotFound, UsageError
from modelver.operations.branch import yank_remark
from modelver.operations.workspace import Workspace

if TYPE_CHECKING:  # a promotion that nobody asks anything of loads none of this
    from modelver.domain.comparison import Comparison
    from modelver.domain.expressions import Expression, Metric, NothingToCompare, Similarity
    from modelver.domain.gates import Gate
    from modelver.domain.recommendation import Guardrail
    from modelver.operations.predictions import Predictions
    from modelver.operations.sides import Weighed


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a command asks: to be better than the holder, perhaps in one metric by so much; and requirements."""

    if_better: bool = False
    metric: str | None = None
    min_delta: float | None = None
    require: tuple[Expression, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        if_better: bool = False,
        metric: str | None = None,
        min_delta: float | None = None,
        require: str | Sequence[str] = (),
    ) -> Asked:
        """What was typed; raises `UsageError`, with a mark under the wrong part of an expression."""
        if metric is not None and not if_better:
            raise UsageError("--metric says in what to be better", hint="--if-better --metric NAME")
        if min_delta is not None and metric is None:
            raise UsageError(
                "--min-delta is a difference of one metric", hint="--if-better --metric NAME --min-delta D"
            )
        if min_delta is not None and not 0 <= min_delta < float("inf"):
            raise UsageError(f"--min-delta: expected a number from 0 on, found {min_delta}")
        if not require:
            return cls(if_better=if_better, metric=metric, min_delta=min_delta)
        from modelver.domain.expressions import parse

        expressions = [require] if isinstance(require, str) else require
        return cls(if_better=if_better, metric=metric, min_delta=min_delta, require=tuple(map(parse, expressions)))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A version that is to get a stage, with what the configuration asks of it there.

    `new` is its record where no commit has that yet.
    """

    found: Resolved
    stage: str
    rules: Values
    new: Version | None = None


@dataclass
class Gatekeeper:
    """Judges candidates; files of predictions are read once, however often a write is planned anew."""

    workspace: Workspace
    asked: Asked = field(default_factory=Asked)

    def check(self, catalog: Catalog, candidate: Candidate, told: list[str]) -> tuple[Gate, ...]:
        """The gates, all of which hold.

        Raises `CheckFailed` where one does not, else `CannotTell` where one cannot be told; either has a table of
        them. `told` gets what people should know of a gate that passed for want of a holder.
        """
        if not self.asked.if_better and not self.asked.require and not candidate.rules.keys() - {"from"}:
            return ()
        from modelver.domain.gates import outcome, refuse

        judging = _Judging(self, catalog, candidate)
        gates = judging.gates()
        if outcome(gates) is not True:
            found, stage = candidate.found, candidate.stage
            compare = candidate.new is None and judging.holder is not None
            way = [f"modelver diff {found.model}@{stage} {found.version}"] if compare else []
            refuse(gates, found.version, stage, [*dict.fromkeys(judging.told), *way])
        told += judging.told
        return gates

    @cached_property
    def predictions(self) -> Predictions:
        """The samples that were read so far."""
        from modelver.operations.predictions import Predictions

        return Predictions(self.workspace)


class _Judging:
    """One candidate against the present holder; what is not asked for is not looked at."""

    def __init__(self, keeper: Gatekeeper, catalog: Catalog, candidate: Candidate) -> None:
        self.keeper = keeper
        self.catalog = catalog
        self.candidate = candidate
        self.told: list[str] = []
        self._unread: list[str] = []

    def gates(self) -> tuple[Gate, ...]:
        """Every gate, judged."""
        from modelver.domain.expressions import parse
        from modelver.domain.gates import kept, required

        asked, rules, stage = self.keeper.asked, self.candidate.rules, self.candidate.stage
        configured = rules.get("require", ())
        assert isinstance(configured, Sequence)
        return (
            *self._better(),
            *(required(each, self._value, "--require", self._origin) for each in asked.require),
            *(required(parse(str(each)), self._value, f"stages.{stage}.require", self._origin) for each in configured),
            *(kept(rail, f"stages.{stage}.must_not_regress") for rail in self._rails()),
        )

    @cached_property
    def evidence(self) -> Evidence:
        """What is known of the candidate."""
        return self.catalog.evidence(self.candidate.new or self.catalog.record(self.candidate.found))

    @cached_property
    def holder(self) -> Evidence | None:
        """What is known of who holds the stage now, None for nobody and for the candidate itself."""
        found = self.candidate.found
        pointer = self.catalog.stage(found.model, self.candidate.stage)
        if pointer is None or pointer.version in (None, found.version):
            return None
        held = Resolved(model=found.model, version=pointer.version or "")
        self.told += filter(None, [yank_remark(self.catalog, held)])
        return self.catalog.evidence(self.catalog.record(held))

    def _better(self) -> tuple[Gate, ...]:
        asked, stage = self.keeper.asked, self.candidate.stage
        if not asked.if_better:
            return ()
        if self.holder is None:
            self.told.append(f"nobody else holds {stage}, so there is none to be better than")
            return ()
        from modelver.domain.gates import better

        if asked.metric is None:
            return (better(self.comparison, self.holder.version.version),)
        return (self._better_in(asked.metric, self.holder),)

    def _better_in(self, metric: str, holder: Evidence) -> Gate:
        from modelver.domain.gates import better_in
        from modelver.domain.metrics import goal_of
        from modelver.domain.samples import GOALS

        comparison = self.comparison
        paired = comparison.delta.metrics.get(metric) if comparison.delta else None
        old, new = self._of(holder, metric), self._of(self.evidence, metric)
        if paired is not None and not (metric in holder.metrics and metric in self.evidence.metrics):
            old, new = paired.a, paired.b  # of one kind: a number that was recorded may be of other data
        goals = self.catalog.rules(holder.version.model).metrics
        return better_in(
            metric,
            (old, new),
            goal_of(metric, goals) or GOALS.get(metric),
            paired,
            holder=holder.version.version,
            at_least=self.keeper.asked.min_delta or 0,
            threshold=comparison.threshold,
            unread=comparison.unread if metric in GOALS else None,
        )

    def _rails(self) -> Sequence[Guardrail]:
        if self.holder is None or "must_not_regress" not in self.candidate.rules:
            return ()
        from modelver.domain.samples import GOALS

        stage = self.candidate.stage
        found = [each for each in self.recorded.guardrails if (each.holder, each.stage) == ("a", stage)]
        if any(rail.regressed is None and rail.metric in GOALS for rail in found):
            return [each for each in self.comparison.guardrails if (each.holder, each.stage) == ("a", stage)]
        return found

    def _value(self, operand: Metric | Similarity) -> int | float | NothingToCompare | None:
        from modelver.domain.expressions import NOTHING_TO_COMPARE, Metric

        if isinstance(operand, Metric):
            return self._of(self.evidence, operand.name)
        if self.holder is None:
            return NOTHING_TO_COMPARE
        overall = self.recorded.similarity.overall
        return None if self._unread else overall  # what could not be read here would make it another number

    def _origin(self, operand: Metric | Similarity) -> str:
        """Where a metric of the candidate comes from, unless it is its record."""
        from modelver.domain.evidence import RECORD
        from modelver.domain.expressions import Metric

        if not isinstance(operand, Metric) or self.evidence.sources.get(operand.name) == RECORD:
            return ""
        source = self.evidence.sources.get(operand.name)
        return (
            f" (note {source})" if source else " (samples)" if self._of(self.evidence, operand.name) is not None else ""
        )

    def _of(self, evidence: Evidence, metric: str) -> int | float | None:
        """A metric of a version: as it is recorded, else what its samples give."""
        if metric in evidence.metrics:
            return evidence.metrics[metric]
        from modelver.domain.samples import GOALS

        if metric not in GOALS or evidence.predictions is None:
            return None
        try:
            return self.keeper.predictions.measures(evidence.predictions).get(metric)
        except NotFound as error:
            self.told.append(f"the samples of {evidence.version.version} cannot be read: {error.message}")
            return None

    @cached_property
    def comparison(self) -> Comparison:
        """The holder (a) against the candidate (b), with their samples."""
        return self._weighed(self.keeper.predictions)

    @cached_property
    def recorded(self) -> Comparison:
        """The same by what is recorded alone, for gates that need no samples."""
        return self._weighed(None)

    def _weighed(self, predictions: Predictions | None) -> Comparison:
        from modelver.operations.sides import criteria_of, weigh

        criteria = criteria_of(self.catalog.rules(self.candidate.found.model))
        return weigh(*self.sides, criteria, predictions, self.told)

    @cached_property
    def sides(self) -> tuple[Weighed, Weighed]:
        """The holder and the candidate."""
        from modelver.operations.sides import of_version

        assert self.holder is not None
        workspace, both = self.keeper.workspace, (self.holder, self.evidence)
        a, b = (of_version(workspace, self.catalog, each, self._unread) for each in both)
        self.told += self._unread
        return a, b
