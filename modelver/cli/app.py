"""The program: which commands there are."""

from __future__ import annotations

from collections.abc import Callable

import typer

from modelver.cli import demo, look, retrieve, write
from modelver.cli.shared import with_shared_options

app = typer.Typer(
    name="modelver",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _program(context: typer.Context) -> None:
    """Your Git repository is the model registry.

    Start with: modelver demo. In a repository of your own: modelver init, then modelver add PATH.
    """


app.callback()(with_shared_options(_program))

_Function = Callable[..., None]
_WRITING: dict[str, _Function] = {"init": write.init, "add": write.add, "checkout": retrieve.checkout, "verify": look.verify}
_READING: dict[str, _Function] = {
    "list": look.list_,
    "show": look.show,
    "status": look.status,
    "cat": retrieve.cat,
    "path": retrieve.path,
    "demo": demo.demo,
}
for name, function in _WRITING.items():
    app.command(name)(with_shared_options(function, writes=True))
for name, function in _READING.items():
    app.command(name)(with_shared_options(function))
