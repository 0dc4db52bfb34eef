"""The gates of a promotion: what the command asks and what the configuration asks of everyone, before a stage moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from modelver.catalog import Catalog
from modelver.domain.evidence import Evidence
from modelver.domain.records import Values, Version
from modelver.domain.resolution import Resolved
from modelver.errors import CannotTell, CheckFailed, ModelverError, NotFound, UsageError
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
    def of(cls, *, if_better: bool, metric: str | None, min_delta: float | None, require: Sequence[str]) -> Asked:
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

        return cls(if_better=if_better, metric=metric, min_delta=min_delta, require=tuple(map(parse, require)))


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
        from modelver.domain.gates import outcome

        gates = _Judging(self, catalog, candidate, told).gates()
        answer = outcome(gates)
        if answer is True:
            return gates
        found, stage = candidate.found, candidate.stage
        open_gates = [gate for gate in gates if gate.holds is answer]
        verb = "does not meet" if answer is False else "cannot be told to meet"
        error: ModelverError = (CheckFailed if answer is False else CannotTell)(
            f"{found.version} {verb} {_counted(len(open_gates), 'gate')} of {stage}",
            hint=f"modelver diff {found.model}@{stage} {found.version}" if candidate.new is None else None,
        )
        error.details = [{**asdict(gate), "holds": gate.holds} for gate in gates if gate.holds is not True]
        raise error

    @cached_property
    def predictions(self) -> Predictions:
        """The samples that were read so far."""
        from modelver.operations.predictions import Predictions

        return Predictions(self.workspace)


class _Judging:
    """One candidate against the present holder; what is not asked for is not looked at."""

    def __init__(self, keeper: Gatekeeper, catalog: Catalog, candidate: Candidate, told: list[str]) -> None:
        self.keeper = keeper
        self.catalog = catalog
        self.candidate = candidate
        self.told = told

    def gates(self) -> tuple[Gate, ...]:
        """Every gate, judged."""
        from modelver.domain.expressions import parse
        from modelver.domain.gates import kept, required

        asked, rules, stage = self.keeper.asked, self.candidate.rules, self.candidate.stage
        configured = rules.get("require", ())
        assert isinstance(configured, Sequence)
        return (
            *self._better(),
            *(required(each, self._value, "--require") for each in asked.require),
            *(required(parse(str(each)), self._value, f"stages.{stage}.require") for each in configured),
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

        delta = self.comparison.delta
        paired = delta.metrics.get(metric) if delta else None
        goals = self.catalog.rules(holder.version.model).metrics
        values = (self._of(holder, metric), self._of(self.evidence, metric))
        return better_in(
            metric,
            values,
            goal_of(metric, goals) or GOALS.get(metric),
            paired,
            holder=holder.version.version,
            at_least=self.keeper.asked.min_delta or 0,
            threshold=self.comparison.threshold,
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
        return NOTHING_TO_COMPARE if self.holder is None else self.recorded.similarity.overall

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
        a, b = (
            of_version(self.keeper.workspace, self.catalog, each, self.told) for each in (self.holder, self.evidence)
        )
        return a, b


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
