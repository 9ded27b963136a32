"""The command line: `trainyard`. Every command is the SDK call of the same name; docs/cli.md explains each one."""

from __future__ import annotations

from typing import Annotated

import typer

from trainyard._version import __version__

from . import (
    checkpoints,
    controls,
    datasets,
    descent,
    jobs,
    keys,
    predictions,
    projects,
    readings,
    service,
    tensorboard,
    webhooks,
)

app = typer.Typer(
    name="trainyard",
    help="Train PyTorch networks on a Trainyard service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_MODULES = (
    jobs,
    descent,
    controls,
    readings,
    tensorboard,
    checkpoints,
    predictions,
    datasets,
    keys,
    projects,
    webhooks,
    service,
)
for module in _MODULES:
    module.register(app)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"trainyard {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the client's version.")
    ] = False,
) -> None:
    """Train PyTorch networks on a Trainyard service."""


def main() -> None:
    """Run the command line; the exit statuses are those of `ExitCode`."""
    app()
