"""Commands that write records: init, add, run, note."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from modelver.cli import options
from modelver.cli.render import present
from modelver.cli.shared import choices, moment, registry
from modelver.cli.stages import REF, part


def init(
    context: typer.Context,
    hooks: Annotated[
        bool, typer.Option("--hooks", help="Also put the Git hooks in place, as `modelver hooks install` does.")
    ] = False,
) -> None:
    """Start a registry in this Git repository.

    Commits .modelver/config.yaml, .gitignore and .gitattributes, and nothing of yours. Run again, it changes
    nothing. Says what in the repository does not go well with version tags or large files, and what to do.

    \b
    Examples:
      modelver init
      modelver init --hooks
      modelver init -C ~/fraud --json
    """
    present(context, registry(context).init(hooks=hooks))


def add(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The model's file or directory, inside the repository.")],
    model: options.Model = None,
    metric: options.Metric = None,
    metrics: options.Metrics = None,
    param: options.Param = None,
    params: options.Params = None,
    data: options.Data = None,
    code: options.Code = None,
    parent: options.Parent = None,
    meta: options.Meta = None,
    predictions: options.Predictions = None,
    label: options.Label = None,
    bump: options.Bumped = None,
    stage: options.Stage = None,
    message: options.Message = "",
    time: Annotated[
        str | None,
        typer.Option(metavar="ISO8601", help="The version's second, set by hand; UTC where no zone is named."),
    ] = None,
    allow_tracked: options.AllowTracked = False,
    follow_symlinks: options.FollowSymlinks = False,
    python: options.Python = None,
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
    added = registry(context).add(
        path,
        model=model,
        metrics=options.pairs(metric, "--metric"),
        metrics_files=metrics or (),
        params=options.pairs(param, "--param"),
        params_files=params or (),
        inputs=options.inputs(data, code, parent),
        meta=options.pairs(meta, "--meta"),
        predictions=predictions,
        label=label,
        bump=part(bump),
        stage=stage,
        message=message,
        time=moment(time),
        allow_tracked=allow_tracked,
        follow_symlinks=follow_symlinks,
        python=python or options.active_python(os.environ),
    )
    present(context, added)


def run(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command, behind `--`.")],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="PATH", help="The file or directory that the command writes.")
    ],
    model: options.Model = None,
    metric: options.Metric = None,
    metrics: options.Metrics = None,
    param: options.Param = None,
    params: options.Params = None,
    data: options.Data = None,
    code: options.Code = None,
    parent: options.Parent = None,
    meta: options.Meta = None,
    predictions: options.Predictions = None,
    label: options.Label = None,
    bump: options.Bumped = None,
    stage: options.Stage = None,
    promote_if_better: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Promote it, if it is recommended over the stage's holder.")
    ] = None,
    message: options.Message = "",
    allow_tracked: options.AllowTracked = False,
    follow_symlinks: options.FollowSymlinks = False,
) -> None:
    """Run a training command, and register what it made.

    The command runs as it is given, with this terminal. When it succeeds and wrote its output, and the files of
    metrics and predictions that are named, that becomes a version: with its inputs as they were at the start, the
    command without what looks secret, the environment it ran in, the commit of the code and a patch of what was
    changed since, and the time and memory it took. Otherwise nothing is registered. The exit code is the command's.

    \b
    Examples:
      modelver run -n fraud -o model.bin --metrics metrics.json --data train.csv -- python train.py --lr 0.1
      modelver run -o out --bump minor --promote-if-better staging -- make train
    """
    trained = registry(context).run(
        command,
        output,
        promote_if_better=promote_if_better,
        apart=choices(context).json,
        model=model,
        metrics=options.pairs(metric, "--metric"),
        metrics_files=metrics or (),
        params=options.pairs(param, "--param"),
        params_files=params or (),
        inputs=options.inputs(data, code, parent),
        meta=options.pairs(meta, "--meta"),
        predictions=predictions,
        label=label,
        bump=part(bump),
        stage=stage,
        message=message,
        allow_tracked=allow_tracked,
        follow_symlinks=follow_symlinks,
    )
    present(context, trained)


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
    metric: options.Metric = None,
    metrics: options.Metrics = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="PATH|URI", help="Data it was evaluated on; hashed, not stored.")
    ] = None,
    predictions: options.Predictions = None,
    meta: options.Meta = None,
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

    noted = registry(context).note(
        ref,
        kind=kind,
        metrics=options.pairs(metric, "--metric"),
        metrics_files=metrics or (),
        data=[*map(Data, data or ())],
        predictions=predictions,
        meta=options.pairs(meta, "--meta"),
        message=message,
    )
    present(context, noted)
