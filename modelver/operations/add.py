"""Register a version: store its bytes, record it, commit, tag."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from modelver.catalog import Catalog
from modelver.domain import names
from modelver.domain.records import Artifact, Input, Value, Version, same_content
from modelver.domain.text import quoted
from modelver.errors import Conflict, Damaged, UsageError
from modelver.git import exclude
from modelver.git.repository import FILE
from modelver.git.transaction import Change, Snapshot, Tag, Writer, Written
from modelver.operations import hiding
from modelver.operations.inputs import Code, Data, Parent, edges
from modelver.operations.results import Added
from modelver.operations.standing import labels_of, stages_of
from modelver.operations.values import checked_metrics, checked_text, from_files, plain_mapping
from modelver.operations.workspace import Workspace, with_registry
from modelver.records import layout, schema
from modelver.records.config import Config
from modelver.storage import formats
from modelver.storage.objects import Stored


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
    inputs: Sequence[Data | Code | Parent] = ()
    meta: Mapping[str, Value] = field(default_factory=dict)
    message: str = ""
    time: datetime | None = None
    allow_tracked: bool = False
    follow_symlinks: bool = False
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def add(workspace: Workspace, request: Request) -> Added:
    """Store the artifact and register it as a new version of its model, in one commit and one tag.

    Nothing is registered when the model's newest version says the same already (rule C2). Raises
    `UsageError` for words that are wrong, `Conflict` for a file that Git tracks or that changes while it is
    read; after any error the repository is as it was.
    """
    warnings = workspace.catalog.config.warnings
    writer = workspace.writer()
    path, name = _artifact_path(workspace, request)
    checked_text(request.message, "message")
    _check_time(request.time)
    remarks: list[str] = []
    model = _model(workspace, request, name, remarks)
    draft = _Draft(
        metrics=checked_metrics({**from_files(workspace, request.metrics_files, "--metrics"), **request.metrics}),
        params=plain_mapping({**from_files(workspace, request.params_files, "--params"), **request.params}, "param"),
        meta=plain_mapping(request.meta, "meta"),
        inputs=edges(workspace, request.inputs),
    )
    stored = workspace.store.put(
        path,
        cache=workspace.stat_cache,
        name=name,
        link=workspace.link,
        follow_symlinks=request.follow_symlinks,
    )
    remarks += stored.warnings
    addition = _Addition(workspace, writer, request, model, name, draft, _artifact(path, name, stored))
    written = writer.write(addition.plan, watched=[name, layout.model_directory(model), _gitignore_path(name)])
    if written is not None:
        remarks += [*written.remarks, *hiding.renew(workspace, added=addition.hidden_known)]
        remarks += hiding.offered(workspace, name)
        if addition.detached:
            remarks.append("HEAD is detached, so no branch has this version; its tag keeps it")
    remark = workspace.link_objects()
    return addition.result(written, [*remarks, *([remark] if remark else []), *warnings])


@dataclass(frozen=True, kw_only=True)
class _Draft:
    metrics: dict[str, int | float]
    params: dict[str, Value]
    meta: dict[str, Value]
    inputs: tuple[Input, ...]


@dataclass
class _Addition:
    """One `add` under way; `version` and `created` are known once the plan has run."""

    workspace: Workspace
    writer: Writer
    request: Request
    model: str
    name: str
    draft: _Draft
    artifact: Artifact
    version: Version | None = None
    catalog: Catalog | None = None
    hidden_known: bool = False
    detached: bool = False

    def plan(self, snapshot: Snapshot) -> Change | None:
        """The change from the state under the lock; None when nothing is new."""
        self._refuse_tracked(snapshot)
        self.detached = snapshot.head.ref == "HEAD"
        self.catalog = catalog = with_registry(Catalog(snapshot.repository, snapshot.head.commit))
        self.hidden_known = hiding.is_current(self.workspace)
        known = catalog.versions(self.model)
        version = self._version(_moment(self, catalog, snapshot))
        if known:
            newest = catalog.records(self.model, known[-1:])[0]
            if same_content(newest, version):
                self.version = newest
                return None
        self.version = version
        files: dict[str, bytes | None] = {
            layout.version_path(self.model, version.version): schema.dump_version(version)
        }
        hidden: tuple[str, ...] = ()
        if self.workspace.hiding == "gitignore":
            files |= self._gitignore(snapshot)
        elif not exclude.hides(snapshot.repository, self.name):
            hidden = (self.name,)
        return Change(files, self._message(version), [self._tag(version)], hidden, self._config().commit.hooks)

    def _refuse_tracked(self, snapshot: Snapshot) -> None:
        below = self.name + "/"
        tracked = [path for path in snapshot.indexed if path == self.name or path.startswith(below)]
        if tracked and not self.request.allow_tracked:
            flag = "-r " if self.artifact.kind == "directory" else ""
            raise Conflict(
                f"Git tracks {quoted(tracked[0])}, so its bytes would be kept twice",
                hint=[
                    f"git rm {flag}--cached -- {_shell(self.name)} && git commit    untracks it and keeps the file",
                    "or go on with --allow-tracked",
                ],
            )

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
            meta=draft.meta,
        )

    def _tag(self, version: Version) -> Tag:
        kind = "tags" if self._config().tags.versions == "tag" else "modelver"
        tagger = f"{version.created_by} {int(version.created_at.timestamp())} +0000"
        return Tag(f"refs/{kind}/{version.version}", tagger, tag_message(version.version, version.message))

    def _message(self, version: Version) -> str:
        subject = f"modelver: add {self.model} {version.version}"
        trailers = [
            "Modelver-Op: add",
            f"Modelver-Model: {self.model}",
            f"Modelver-Version: {version.version}",
        ]
        return commit_message(subject, version.message, trailers, self._config().commit.trailer)

    def _config(self) -> Config:
        assert self.catalog is not None
        return self.catalog.config

    def _gitignore(self, snapshot: Snapshot) -> dict[str, bytes | None]:
        """The `.gitignore` beside the artifact, with its line, in the same commit (rule T1)."""
        path = _gitignore_path(self.name)
        entry = snapshot.repository.entry(snapshot.root, path) if snapshot.root else None
        old = snapshot.repository.blobs([entry], limit=2**20)[0] if entry else b""
        if old is None or (entry is not None and entry.mode != FILE):
            raise Conflict(f"{path} is no plain file of a size that can be extended", hint="ignore: exclude")
        line = exclude.pattern(PurePosixPath(self.name).name)
        if line in old.split(b"\n"):
            return {}
        return {path: old + (b"" if not old or old.endswith(b"\n") else b"\n") + line + b"\n"}

    def result(self, written: Written | None, remarks: Iterable[str]) -> Added:
        """What the caller is told."""
        version, catalog = self.version, self.catalog
        assert version is not None
        assert catalog is not None
        commit = written.commit if written else catalog.tag_commit(version.version)
        return Added(
            version=version.version,
            model=self.model,
            commit=commit,
            hash=version.artifact.digest.removeprefix("sha256:"),
            timestamp=version.created_at,
            path=version.artifact.path,
            size=version.artifact.size,
            labels=labels_of(catalog, self.model, version.version),
            stages=stages_of(catalog, self.model, version.version),
            created=written is not None,
            remarks=tuple(remarks),
        )


def _gitignore_path(name: str) -> str:
    return (PurePosixPath(name).parent / ".gitignore").as_posix()


def tag_message(name: str, message: str) -> str:
    """The message of a tag: its name, and what the record says (rule I4)."""
    return f"{name}\n\n{message}" if message else name


def commit_message(subject: str, message: str, trailers: Sequence[str], last: str) -> str:
    """The message of a commit of ours (rule W10); `last` is what the configuration asks for at its end."""
    parts = [subject, message, "\n".join(trailers), last]
    return "\n\n".join(part for part in parts if part)


def _artifact_path(workspace: Workspace, request: Request) -> tuple[Path, str]:
    path = workspace.typed(request.path)
    if not os.path.lexists(path):
        raise UsageError(f"{quoted(request.path)} is not there", hint="modelver add PATH    a file or a directory")
    if path.is_symlink() and not request.follow_symlinks:
        raise UsageError(
            f"{quoted(request.path)} is a symbolic link",
            hint="give the path that it leads to, or --follow-symlinks to store what is there under this name",
        )
    name = workspace.inside(path, request.path)
    head = workspace.at_head.commit
    other = workspace.repository.submodule_of(name, workspace.repository.root(head) if head else None)
    if other is not None:
        raise UsageError(
            f"{quoted(request.path)} lies in another Git repository, {quoted(other)}",
            hint=f"modelver add -C {_shell(other)} …",
        )
    return path, name


def _model(workspace: Workspace, request: Request, name: str, remarks: list[str]) -> str:
    """The model's name as typed, else the one that has this path already, else the file's own."""
    if request.model is not None:
        model = names.parse_model(request.model)
        if model != request.model:
            remarks.append(f"names are lower case: {quoted(request.model)} is {model}")
        return model
    catalog = workspace.catalog
    known = [each for each in catalog.models() if _newest_path(catalog, each) == name]
    if len(known) == 1:
        return known[0]
    stem = names.fold(PurePosixPath(name).stem)
    proposed = stem if names.is_model_name(stem) else names.propose(stem, "model", names.model_fault)
    if len(known) > 1 or proposed is None:
        several = f" ({', '.join(known[:5])} have versions of it)" if known else ""
        raise UsageError(f"which model is {quoted(name)} a version of?{several}", hint="modelver add PATH -n MODEL")
    remarks.append(f"the model is called {proposed} after its file; -n gives it another name")
    return proposed


def _newest_path(catalog: Catalog, model: str) -> str | None:
    """Where the newest version of a model was registered; None where its record is malformed, which `verify` names."""
    try:
        return catalog.records(model, catalog.versions(model)[-1:])[0].artifact.path
    except Damaged:
        return None


def _check_time(moment: datetime | None) -> None:
    """Git's own dates and the ids both end somewhere; what is meant lies well between."""
    if moment is not None and not (moment.tzinfo is not None and 1970 <= moment.year <= 2100):
        raise UsageError(f"{moment.isoformat()} is no time with a zone between 1970 and 2100", hint="--time ISO8601")


def _artifact(path: Path, name: str, stored: Stored) -> Artifact:
    return Artifact(
        path=name,
        kind=stored.kind,
        digest=stored.digest,
        size=stored.size,
        files=stored.files,
        format=formats.identify(path) if stored.kind == "file" else None,
    )


def _moment(addition: _Addition, catalog: Catalog, snapshot: Snapshot) -> datetime:
    """The second of the new version: later than the model's newest, and its id used by nobody (rule I2)."""
    folder = layout.model_directory(addition.model) + "/versions/"
    indexed = [PurePosixPath(path).stem for path in snapshot.indexed if path.startswith(folder)]
    digest = addition.artifact.digest
    chosen = addition.request.time
    if chosen is not None:
        version = names.version_id(chosen, digest)
        if _is_taken(catalog, indexed, version):
            raise Conflict(f"there is a version {version} already", hint="give another second with --time")
        return chosen.astimezone(UTC).replace(microsecond=0)
    now = addition.request.now()
    known = catalog.versions(addition.model)[-1:] + [each for each in indexed if names.is_version_id(each)]
    moment = names.next_moment(now, max(known, default=None))
    newest = _newest_tagged(catalog, addition.model, moment)
    if newest is not None:
        names.next_moment(now, newest)
        moment = names.next_moment(moment, newest)
    while _is_taken(catalog, indexed, names.version_id(moment, digest)):
        moment += timedelta(seconds=1)
    return moment


def _newest_tagged(catalog: Catalog, model: str, since: datetime) -> str | None:
    """The newest version of a model that a tag knows, if it is not older than `since`."""
    later = (each for each in sorted(catalog.tag_names, reverse=True) if names.version_moment(each) >= since)
    for version in later:
        if model in Catalog(catalog.repository, catalog.tag_commit(version)).holders(version):
            return version
    return None


def _is_taken(catalog: Catalog, indexed: Sequence[str], version: str) -> bool:
    return version in catalog.tag_names or version in indexed or bool(catalog.holders(version))


def _shell(path: str) -> str:
    import shlex

    return shlex.quote(path)
