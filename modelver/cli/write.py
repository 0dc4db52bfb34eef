"""Commands that write records: init, add, note."""

from __future__ import annotations

from typing import Annotated

import typer

from modelver.cli.render import present
from modelver.cli.shared import moment, registry
from modelver.cli.stages import REF, Bump, part

_PREDICTIONS = "What it predicted, sample by sample: CSV, JSONL or Parquet with id, y_true, y_pred or y_prob."


def init(context: typer.Context) -> None:
    """Start a registry in this Git repository.

    Commits .modelver/config.yaml, .gitignore and .gitattributes, and nothing of yours. Run again, it changes
    nothing. Says what in the repository does not go well with version tags or large files, and what to do.

    \b
    Examples:
      modelver init
      modelver init -C ~/fraud --json
    """
    present(context, registry(context).init())


def add(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The model's file or directory, inside the repository.")],
    model: Annotated[
        str | None,
        typer.Option(
            "-n",
            "--name",
            metavar="MODEL",
            help="The model; by default the one that has this path, or the file's name.",
        ),
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A metric, a number.")] = None,
    metrics: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Metrics in JSON, YAML or TOML.")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A parameter of the training.")] = None,
    params: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Parameters in JSON, YAML or TOML.")] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="PATH|URI", help="Data it was trained on; hashed, not stored.")
    ] = None,
    code: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Code that trained it; hashed.")] = None,
    parent: Annotated[list[str] | None, typer.Option(metavar="REF", help="The version it was fine-tuned from.")] = None,
    meta: Annotated[list[str] | None, typer.Option(metavar="K=V", help="Anything else worth knowing.")] = None,
    predictions: Annotated[str | None, typer.Option(metavar="FILE", help=_PREDICTIONS)] = None,
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="Label the version, in the same commit.")] = None,
    bump: Annotated[
        Bump | None, typer.Option(help="Label it with what follows the model's highest SemVer label.")
    ] = None,
    stage: Annotated[str | None, typer.Option(metavar="STAGE", help="Promote it, in the same commit.")] = None,
    message: Annotated[str, typer.Option("-m", "--message", metavar="MSG", help="What is new.")] = "",
    time: Annotated[
        str | None,
        typer.Option(metavar="ISO8601", help="The version's second, set by hand; UTC where no zone is named."),
    ] = None,
    allow_tracked: Annotated[bool, typer.Option("--allow-tracked", help="Go on although Git tracks the file.")] = False,
    follow_symlinks: Annotated[
        bool, typer.Option("--follow-symlinks", help="Store what symbolic links lead to.")
    ] = False,
) -> None:
    """Register a file or directory as a new version of a model.

    Stores its bytes, records metrics, parameters and origins in one commit, and tags it. The file stays where
    it is; Git no longer offers it. Options that take a value may be given several times. When the newest
    version says the same already, nothing is registered and the command succeeds.

    \b
    Examples:
      modelver add model.safetensors -n fraud --metric auc=0.91 -m "first baseline"
      modelver add out/ -n nlp/sentiment --metrics metrics.json --params params.yaml
      modelver add model.safetensors -n fraud --bump minor --stage staging
      modelver add model.onnx --data data/train.parquet --code train.py --parent fraud@1.2.0
      modelver add model.onnx --metrics metrics.json --predictions test-predictions.csv
    """
    from modelver.operations.inputs import Code, Data, Parent
    from modelver.operations.values import pairs

    added = registry(context).add(
        path,
        model=model,
        metrics=pairs(metric or (), "--metric"),
        metrics_files=metrics or (),
        params=pairs(param or (), "--param"),
        params_files=params or (),
        inputs=[*map(Data, data or ()), *map(Code, code or ()), *map(Parent, parent or ())],
        meta=pairs(meta or (), "--meta"),
        predictions=predictions,
        label=label,
        bump=part(bump),
        stage=stage,
        message=message,
        time=moment(time),
        allow_tracked=allow_tracked,
        follow_symlinks=follow_symlinks,
    )
    present(context, added)


def note(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help=REF)],
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="evaluation (the default with metrics), comment (without), approval, scan, yank, or any word.",
        ),
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A metric, a number.")] = None,
    metrics: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Metrics in JSON, YAML or TOML.")] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="PATH|URI", help="Data it was evaluated on; hashed, not stored.")
    ] = None,
    predictions: Annotated[str | None, typer.Option(metavar="FILE", help=_PREDICTIONS)] = None,
    meta: Annotated[list[str] | None, typer.Option(metavar="K=V", help="Anything else worth knowing.")] = None,
    message: Annotated[str, typer.Option("-m", "--message", metavar="TEXT", help="What became known.")] = "",
) -> None:
    """Add what became known of a version later: an evaluation, an approval, a comment, a withdrawal.

    The version stays as it is; `show`, `diff` and gates read its record and its notes together. A metric that the
    record holds is overridden only by a note that names its own data. A yanked version (--kind yank) is passed over
    by MODEL, MODEL~N, MODEL@highest and ranges; its exact name still finds it, with a warning.

    \b
    Examples:
      modelver note fraud@1.2.0 --metric auc=0.93 --data data/2024-02.parquet -m "the test set of February"
      modelver note fraud@1.2.0 --kind approval -m "risk team, ticket 42"
      modelver note fraud@1.2.0 --kind yank -m "trained on leaked labels"
    """
    from modelver.operations.inputs import Data
    from modelver.operations.values import pairs

    noted = registry(context).note(
        ref,
        kind=kind,
        metrics=pairs(metric or (), "--metric"),
        metrics_files=metrics or (),
        data=[*map(Data, data or ())],
        predictions=predictions,
        meta=pairs(meta or (), "--meta"),
        message=message,
    )
    present(context, noted)
