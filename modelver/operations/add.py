"""Register a version: store its bytes, record it, commit, tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modelver.catalog import Catalog
from modelver.domain import names
from modelver.domain.records import Artifact, Attachment, Input, Value, Version, same_but_metrics, same_content
from modelver.domain.resolution import Resolved
from modelver.domain.semver import Part as Bump
from modelver.domain.text import quoted
from modelver.errors import UsageError
from modelver.git import exclude
from modelver.git.change import Change, Snapshot, Written
from modelver.git.transaction import Writer
from modelver.operations import environment, hiding, predictions
from modelver.operations.announce import commit_message, of_version
from modelver.operations.artifact import artifact_of, locate, model_of, refuse_tracked
from modelver.operations.environment import Environment
from modelver.operations.gates import Gatekeeper
from modelver.operations.inputs import Code, Data, Parent, edges
from modelver.operations.label import label_part
from modelver.operations.moment import check_time, moment_for
from modelver.operations.results import Added
from modelver.operations.scene import STAGED, Part, Scene
from modelver.operations.stages import promotion_part
from modelver.operations.standing import labels_of, stages_of
from modelver.operations.values import checked_metrics, checked_text, from_files, plain_mapping, usable_metrics
from modelver.operations.workspace import Workspace
from modelver.records import layout, schema, yaml


@dataclass(frozen=True, kw_only=True)
class Request:
    """What `add` is asked for; paths are as a person types them, from where they stand.

    A value given by name wins over the same name in a file, a later file over an earlier one.
    """

    path: str
    model: str | None = None
    metrics: Mapping[str, Value] = field(default_factory=dict)
    metrics_files: Sequence[str] = ()
    params: Mapping[str, Value] = field(default_factory=dict)
    params_files: Sequence[str] = ()
    predictions: str | None = None
    inputs: Sequence[Data | Code | Parent] = ()
    meta: Mapping[str, Value] = field(default_factory=dict)
    label: str | None = None
    bump: Bump | None = None
    stage: str | None = None
    message: str = ""
    time: datetime | None = None
    allow_tracked: bool = False
    follow_symlinks: bool = False
    environment: Environment | None = None
    """What trained it, where that was looked at."""
    edges: tuple[Input, ...] = ()
    """Inputs that were looked at before the training."""
    forgiving: bool = False
    """Leave metrics out that are none, and say so, for the sake of a training that took its time."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def add(workspace: Workspace, request: Request) -> Added:
    """Store the artifact and register it as a new version of its model, in one commit.

    The version gets a label and a stage in the same commit where the request says so. Nothing is registered when
    the model's newest version says the same already (rule C2); label and stage are that one's then. Raises
    `UsageError` for words that are wrong, `Conflict` for a file that Git tracks or that changes while it is
    read; after any error the repository is as it was.
    """
    warnings = workspace.catalog.config.warnings
    writer = workspace.writer()
    path, name = locate(workspace, request.path, follow_symlinks=request.follow_symlinks)
    checked_text(request.message, "message")
    check_time(request.time)
    if request.label is not None and request.bump is not None:
        raise UsageError("--label and --bump are two ways to say one thing", hint="give one of them")
    remarks: list[str] = []
    model = model_of(workspace, request.model, name, remarks)
    draft = _Draft(
        metrics=_metrics(workspace, request, remarks),
        params=_params(workspace, request, remarks),
        meta=plain_mapping(request.meta, "meta"),
        inputs=(*request.edges, *edges(workspace, request.inputs)),
        attachments=_predictions(workspace, request, remarks),
        environment=environment.kept(workspace, request.environment),
    )
    remarks += request.environment.remarks if request.environment else ()
    stored = workspace.store.put(
        path,
        cache=workspace.stat_cache,
        name=name,
        link=workspace.link,
        follow_symlinks=request.follow_symlinks,
    )
    remarks += stored.warnings
    addition = _Addition(workspace, writer, request, model, name, draft, artifact_of(path, name, stored))
    written = writer.write(addition.plan, watched=[name, layout.model_directory(model), hiding.gitignore_path(name)])
    scene = addition.scene
    assert scene is not None
    remarks += scene.remarks
    if written is not None:
        remarks += [*written.remarks, *hiding.renew(workspace, added=addition.hidden_known)]
        remarks += hiding.offered(workspace, name)
        remarks += [STAGED] if scene.staged else []
        if written.ref == "HEAD":
            remarks.append("HEAD is detached, so no branch has this version; its tag keeps it")
    remark = workspace.link_objects()
    return addition.result(written, [*remarks, *([remark] if remark else []), *warnings])


def _metrics(workspace: Workspace, request: Request, remarks: list[str]) -> dict[str, int | float]:
    if not request.forgiving:
        return checked_metrics({**from_files(workspace, request.metrics_files, "--metrics"), **request.metrics})
    found: dict[str, Value] = {}
    for file in request.metrics_files:
        try:
            found |= from_files(workspace, [file], "--metrics")
        except UsageError as error:
            remarks.append(f"registered without the metrics of a file: {error.message}")
    metrics, told = usable_metrics({**found, **request.metrics})
    remarks += told
    return metrics


def _params(workspace: Workspace, request: Request, remarks: list[str]) -> dict[str, Value]:
    given = plain_mapping({**from_files(workspace, request.params_files, "--params"), **request.params}, "param")
    if not request.forgiving:
        return given
    found = {}
    for name, value in given.items():
        try:
            yaml.write({name: value})
            found[name] = value
        except UsageError as error:
            remarks.append(f"left out: param {quoted(name)}: {error.message}")
    return found


def _predictions(workspace: Workspace, request: Request, remarks: list[str]) -> dict[str, Attachment]:
    try:
        return predictions.taken(workspace, request.predictions)
    except UsageError as error:
        if not request.forgiving:
            raise
        remarks.append(f"registered without predictions: {error.message}")
        return {}


@dataclass(frozen=True, kw_only=True)
class _Draft:
    metrics: dict[str, int | float]
    params: dict[str, Value]
    meta: dict[str, Value]
    inputs: tuple[Input, ...]
    attachments: dict[str, Attachment]
    environment: dict[str, Value]


@dataclass
class _Addition:
    """One `add` under way; what stands below `scene` is known once the plan has run."""

    workspace: Workspace
    writer: Writer
    request: Request
    model: str
    name: str
    draft: _Draft
    artifact: Artifact
    scene: Scene | None = None
    version: Version | None = None
    created: bool = False
    naming: tuple[Part, ...] = ()
    hidden_known: bool = False

    def plan(self, snapshot: Snapshot) -> Change | None:
        """The change from the state under the lock; None when nothing is new."""
        if not self.request.allow_tracked:
            refuse_tracked(self.name, snapshot.indexed, directory=self.artifact.kind == "directory")
        self.scene = scene = Scene.of(self.workspace, self.writer, snapshot, self.request.now())
        self.hidden_known = hiding.is_current(self.workspace)
        request, catalog = self.request, scene.catalog
        moment = moment_for(
            catalog, self.model, self.artifact.digest, snapshot.indexed, now=request.now(), chosen=request.time
        )
        version, newest = self._version(moment), self._newest(catalog)
        self.created = newest is None or not same_content(newest, version)
        if self.created and (same := self._same_but_metrics(catalog, version)) is not None:
            scene.remarks.append(
                f"{same} has these bytes; `modelver note {same} --metric K=V` tells what became known of it later"
            )
        self.version = version = version if self.created or newest is None else newest
        scene.new = version.version if self.created else None
        self.naming = self._naming(scene, version)
        return self._change(snapshot, scene, version)

    def _change(self, snapshot: Snapshot, scene: Scene, version: Version) -> Change | None:
        """Registration, label and stage in one commit, as far as they are new."""
        config = scene.catalog.config
        parts = [part for part in self.naming if part.files]
        hidden: tuple[str, ...] = ()
        if self.created:
            wanted = of_version(config, version)
            files: dict[str, bytes | None] = {
                layout.version_path(self.model, version.version): schema.dump_version(version)
            }
            if self.workspace.hiding == "gitignore":
                files |= hiding.gitignored(snapshot, self.name)
            elif not exclude.hides(snapshot.repository, self.name):
                hidden = (self.name,)
            tags = () if scene.staged else (wanted.tag(None),)
            parts.insert(0, Part(op="add", files=files, wanted=(wanted,), tags=tags))
        if not parts:
            return None
        what = " ".join(part.what for part in parts if part.what)
        message = checked_text(self.request.message, "message")
        ops = [part.op for part in parts]
        return Change(
            {path: data for part in parts for path, data in part.files.items()},
            commit_message(config, ops, self.model, version.version, what, message),
            [tag for part in parts for tag in part.tags],
            hidden,
            config.commit.hooks,
        )

    def _naming(self, scene: Scene, version: Version) -> tuple[Part, ...]:
        """Label and stage, as far as they are asked for."""
        request, found = self.request, Resolved(model=self.model, version=version.version)
        message = checked_text(request.message, "message")
        parts = []
        if request.label is not None or request.bump is not None:
            parts.append(label_part(scene, found, label=request.label, bump=request.bump, message=message))
        if request.stage is not None:
            stage = names.parse_stage(request.stage)
            scene.folded(request.stage, stage)
            if parts and parts[0].name == stage:
                raise UsageError(f"{stage} cannot be the label and the stage of one model", hint="choose another label")
            keeper = Gatekeeper(self.workspace)
            parts.append(promotion_part(scene, found, stage, message, keeper, version if self.created else None)[0])
        return tuple(parts)

    def _newest(self, catalog: Catalog) -> Version | None:
        known = catalog.versions(self.model)
        return catalog.records(self.model, known[-1:])[0] if known else None

    def _same_but_metrics(self, catalog: Catalog, version: Version) -> str | None:
        """The newest version, if there is one, that differs from the new one in metrics alone."""
        likely = [each for each in catalog.versions(self.model) if each[-8:] == version.version[-8:]]
        known = catalog.records(self.model, likely)
        return next((each.version for each in reversed(known) if same_but_metrics(each, version)), None)

    def _version(self, moment: datetime) -> Version:
        draft = self.draft
        return Version(
            model=self.model,
            version=names.version_id(moment, self.artifact.digest),
            created_at=moment,
            created_by=self.writer.identity.name,
            message=checked_text(self.request.message, "message"),
            artifact=self.artifact,
            metrics=draft.metrics,
            params=draft.params,
            inputs=draft.inputs,
            attachments=draft.attachments,
            environment=draft.environment or None,
            meta=draft.meta,
        )

    def result(self, written: Written | None, remarks: Iterable[str]) -> Added:
        """What the caller is told."""
        version, scene = self.version, self.scene
        assert version is not None
        assert scene is not None
        catalog, changed = scene.catalog, [part for part in self.naming if part.files]
        labels = [part.name for part in changed if part.op == "tag"]
        stages = [part.name for part in changed if part.op == "promote"]
        return Added(
            version=version.version,
            model=self.model,
            commit=written.commit if written and self.created else catalog.tag_commit(version.version),
            hash=version.artifact.digest.removeprefix("sha256:"),
            timestamp=version.created_at,
            path=version.artifact.path,
            size=version.artifact.size,
            labels=tuple(sorted({*labels_of(catalog, self.model, version.version), *labels})),
            stages=tuple(sorted({*stages_of(catalog, self.model, version.version), *stages})),
            created=self.created and written is not None,
            pending=(scene.staged and self.created)
            or any(not scene.branch.on or (part.wanted and part.announced is None) for part in changed),
            remarks=tuple(remarks),
        )
