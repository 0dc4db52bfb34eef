"""Options that several commands have, and what their words mean to the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelver.cli.stages import Bump
from modelver.domain.records import Value

if TYPE_CHECKING:
    from modelver.operations import inputs as given

_MODEL = "The model; by default the one that has this path, or the file's name."
_PREDICTIONS = "What it predicted, sample by sample: CSV, JSONL or Parquet with id, y_true, y_pred or y_prob."
_FILES = "in JSON, YAML, TOML or CSV, of which the last row counts."

Texts = list[str] | None

Model = Annotated[str | None, typer.Option("-n", "--name", metavar="MODEL", help=_MODEL)]
Metric = Annotated[Texts, typer.Option(metavar="K=V", help="A metric, a number.")]
Metrics = Annotated[Texts, typer.Option(metavar="FILE", help=f"Metrics {_FILES}")]
Param = Annotated[Texts, typer.Option(metavar="K=V", help="A parameter of the training.")]
Params = Annotated[Texts, typer.Option(metavar="FILE", help=f"Parameters {_FILES}")]
Data = Annotated[
    Texts, typer.Option(metavar="PATH|URI", help="Data it was trained on; hashed, not stored. NAME=PATH|URI names it.")
]
Code = Annotated[Texts, typer.Option(metavar="PATH", help="Code that trained it; hashed.")]
Parent = Annotated[Texts, typer.Option(metavar="REF", help="The version it was fine-tuned from.")]
Meta = Annotated[Texts, typer.Option(metavar="K=V", help="Anything else worth knowing.")]
Predictions = Annotated[str | None, typer.Option(metavar="FILE", help=_PREDICTIONS)]
Label = Annotated[str | None, typer.Option(metavar="LABEL", help="Label the version, in the same commit.")]
Bumped = Annotated[Bump | None, typer.Option(help="Label it with what follows the model's highest SemVer label.")]
Stage = Annotated[str | None, typer.Option(metavar="STAGE", help="Promote it, in the same commit.")]
Message = Annotated[str, typer.Option("-m", "--message", metavar="MSG", help="What is new.")]
AllowTracked = Annotated[bool, typer.Option("--allow-tracked", help="Go on although Git tracks the file.")]
Python = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="The Python that trained it; by default the active environment's, if one is."),
]
FollowSymlinks = Annotated[bool, typer.Option("--follow-symlinks", help="Store what symbolic links lead to.")]


def pairs(words: Texts, option: str) -> dict[str, Value]:
    """`K=V` words of an option as a mapping."""
    from modelver.operations import values

    return values.pairs(words or (), option)


def active_python(variables: Mapping[str, str]) -> str | None:
    """The interpreter of the virtual or conda environment that is active; None where none is."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        for place in ("bin/python", "Scripts/python.exe", "python.exe"):
            if variables.get(name) and (found := Path(variables[name]) / place).is_file():
                return str(found)
    return None


def inputs(data: Texts, code: Texts, parent: Texts) -> Sequence[given.Data | given.Code | given.Parent]:
    """What a version was made of."""
    from modelver.operations.inputs import Code, Data, Parent

    return [*map(Data, data or ()), *map(Code, code or ()), *map(Parent, parent or ())]
