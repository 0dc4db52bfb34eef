"""What trained a model: interpreter and packages, machine, and the state of the code, as records keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelver.domain.records import Input, Value
from modelver.errors import ModelverError
from modelver.operations.workspace import Workspace
from modelver.records import layout

_MOST_PATCH = 64 * 1024 * 1024  # bytes of a patch that is kept


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What was found: values for the record, and texts that become objects; equal ones are stored once."""

    values: Mapping[str, Value]
    packages: str = ""
    patch: bytes = b""
    remarks: tuple[str, ...] = field(default=())


def of_interpreter(interpreter: Path | None, variables: Mapping[str, str]) -> Environment:
    """What an interpreter, by default the active environment's, tells of itself and of this machine."""
    from modelver.programs import environment

    if interpreter is None and not any(variables.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX")):
        told = "the command is not known to start a Python, and no environment is active, so no packages are recorded"
        return Environment(values=environment.machine(variables), remarks=(told,))
    found = environment.describe(interpreter, variables)
    return Environment(values=found.values, packages=found.packages, remarks=found.remarks)


def of_training(workspace: Workspace, interpreter: Path) -> Environment:
    """What trained a model with an interpreter, as far as that can be told afterwards."""
    return together(of_interpreter(workspace.typed(str(interpreter)), {}), lock_files(workspace), code_state(workspace))


def lock_files(workspace: Workspace) -> Environment:
    """The files at the repository's top that fix which packages are installed, each with its digest."""
    from modelver.programs import environment

    root = workspace.repository.work_tree
    names = environment.lock_files(root) if root is not None else []
    found: dict[str, Value] = {name: workspace.store.digest_of(workspace.root / name) for name in names}
    return Environment(values={"locks": found} if found else {})


def code_state(workspace: Workspace, inputs: Sequence[Input] = ()) -> Environment:
    """The commit of the code, and the patch of what is changed since; nothing before the first commit.

    Files that Git does not track are no part of it; code among the inputs that is not in the patch is named.
    """
    commit = workspace.repository.head().commit
    if commit is None or workspace.repository.work_tree is None:
        return Environment(values={})
    try:
        patch = workspace.repository.patch(commit, without=layout.ROOT)
    except ModelverError as error:
        return Environment(values={"commit": commit}, remarks=(f"the changes since are not kept: {error.message}",))
    if len(patch) > _MOST_PATCH:
        told = f"the changes since the commit are not kept, because they have over {_MOST_PATCH // 2**20} MiB"
        return Environment(values={"commit": commit, "dirty": True}, remarks=(told,))
    lost = [each.id for each in inputs if each.kind == "code" and each.dirty and not patch]
    remarks = [f"{id} is not in the patch of the code, because Git does not track it" for id in lost]
    dirty = bool(patch) or bool(lost)
    return Environment(values={"commit": commit, "dirty": dirty}, patch=patch, remarks=tuple(remarks))


def together(*parts: Environment) -> Environment:
    """Several findings as one."""
    return Environment(
        values={name: value for part in parts for name, value in part.values.items()},
        packages="".join(part.packages for part in parts),
        patch=b"".join(part.patch for part in parts),
        remarks=tuple(remark for part in parts for remark in part.remarks),
    )


def kept(workspace: Workspace, found: Environment | None) -> dict[str, Value]:
    """The section of the record; what is large becomes an object."""
    if found is None:
        return {}
    objects: dict[str, Value] = {}
    if found.packages:
        objects["packages"] = workspace.store.put_bytes(found.packages.encode())
    if found.patch:
        objects["patch"] = workspace.store.put_bytes(found.patch)
    return {**found.values, **objects}
