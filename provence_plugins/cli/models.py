"""The commands that make models: train, export, push."""

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from provence_plugins.model.checkpoint import Checkpoint
    from provence_plugins.model.loading import Network


def train(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG", help="Settings of a run, in TOML; several run one after another.")
    ],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the runs' checkpoints.")] = False,
    output: Annotated[Path | None, typer.Option(help="Folder of the run, instead of the one in the settings.")] = None,
) -> None:
    """Train a model (extra: train)."""
    from provence_plugins.training.settings import read_settings

    if output is not None and len(configs) > 1:
        raise typer.BadParameter("--output is for one run; several write where their settings say.")
    runs = [read_settings(config) for config in configs]
    from provence_plugins.training.loop import train as run

    logging.getLogger("provence_plugins").setLevel(logging.INFO)
    for settings in runs:
        chosen = settings if output is None else replace(settings, output=str(output))
        folder = run(chosen, resume=resume, show_progress=sys.stderr.isatty())
        typer.echo(folder)
    typer.echo(f"To run it without torch: provence export {folder}", err=True)


def export(
    folder: Annotated[Path, typer.Argument(help="Model folder with model.safetensors.")],
    precision: Annotated[
        list[str] | None, typer.Option(help="float32 or int8; may be repeated; left out, both.")
    ] = None,
    stock: Annotated[
        Literal["sequence-classification", "token-classification"] | None,
        typer.Option("--as", help="Write a stock model of Transformers instead, from a published pruner."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for a copy, our weights in half precision; left out, FOLDER itself.")
    ] = None,
) -> None:
    """Write ONNX files into a model folder, or a stock model into another (extra: export).

    ONNX files are compared with torch first; what differs too much is not written.
    """
    from provence_plugins.model.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(folder)
    from provence_plugins.model.loading import load_network

    network = load_network(checkpoint)
    if stock is None:
        _export_onnx(network, folder, output, precision or ["float32", "int8"])
    else:
        _export_stock(network, checkpoint, output, stock)


def push(
    folder: Annotated[Path, typer.Argument(help="Model folder with its card.")],
    repository: Annotated[str, typer.Argument(help="Hub id, owner/name.")],
    revision: Annotated[str | None, typer.Option(help="Branch to write to.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
) -> None:
    """Upload a model folder to the hub; only what a pruner reads goes up."""
    from provence_plugins.model.checkpoint import open_checkpoint
    from provence_plugins.model.hub import upload

    checkpoint = open_checkpoint(folder)  # so that nothing broken is uploaded
    typer.echo(upload(checkpoint.folder, repository, revision=revision, private=private))


def _export_onnx(network: "Network", folder: Path, output: Path | None, precisions: list[str]) -> None:
    from provence_plugins.model.export import export_onnx
    from provence_plugins.model.saving import save_half_precision

    if output is not None:
        save_half_precision(network, folder, output)
    for file in export_onnx(network, output or folder, precisions=precisions):
        typer.echo(f"{file.path}\tmean difference {file.mean_difference:.2g}, largest {file.max_difference:.2g}")


def _export_stock(
    network: "Network",
    checkpoint: "Checkpoint",
    output: Path | None,
    stock: Literal["sequence-classification", "token-classification"],
) -> None:
    from provence_plugins.model.stock import export_stock

    if output is None:
        raise typer.BadParameter("--as needs --output, the folder of the stock model.")
    typer.echo(export_stock(network, checkpoint, output, stock))
