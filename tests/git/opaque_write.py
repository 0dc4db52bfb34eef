"""One write of a record that means nothing: `python opaque_write.py NAME [REPOSITORY] [LOCK_TIMEOUT]`.

It stands in for a real command in the fault tests. The same words again find the record and change nothing.
Each write makes one file, changes another, passes a third one unchanged, and makes two tags.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from modelver.errors import ModelverError
from modelver.git.change import Change, Snapshot, Tag
from modelver.git.configuration import Identity
from modelver.git.repository import Repository
from modelver.git.transaction import Writer

FOLDER = ".modelver/models/fraud"
ATTRIBUTES = (".modelver/.gitattributes", b"** -text -filter -ident -working-tree-encoding\n")


def record(name: str) -> str:
    """The path of a record."""
    return f"{FOLDER}/versions/2024/{name}.yaml"


def change(snapshot: Snapshot, name: str, me: Identity) -> Change | None:
    """The write, None when the record is there already."""
    repository, names = snapshot.repository, set[str]()
    folder = repository.entry(snapshot.root, f"{FOLDER}/versions/2024") if snapshot.root else None
    if folder is not None:
        names = {entry.name.removesuffix(".yaml") for entry in repository.trees([folder.oid])[0]}
    if name in names:
        return None
    listed = "".join(f"- {each}\n" for each in sorted(names | {name})).encode()
    contents = {record(name): f"name: {name}\n".encode(), f"{FOLDER}/list.yaml": listed, ATTRIBUTES[0]: ATTRIBUTES[1]}
    tags = [Tag(f"refs/tags/{kind}/{name}", me.committer, f"{name}\n\nIts {kind}.") for kind in ("one", "two")]
    return Change(contents, f"modelver: add {name}", tags, ["model.bin"])


def main(name: str, place: str = ".", timeout: str = "30") -> int:
    """Write, and say what happened in one JSON object; an error is one line and its exit code."""
    try:
        repository = Repository.discover(Path(place))
        configuration = repository.configuration()
        me = repository.identity(configuration)
        writer = Writer(repository, configuration, me, timeout=float(timeout))
        written = writer.write(lambda snapshot: change(snapshot, name, me), watched=[".modelver", "model.bin"])
    except ModelverError as error:
        sys.stderr.write(f"error: {error.message}\n")
        return error.code
    facts = {"commit": written.commit, "tags": dict(written.tags), "remarks": written.remarks} if written else {}
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
