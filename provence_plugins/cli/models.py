"""The commands that make and publish models: train, export, package and push."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from provence_plugins import __version__
from provence_plugins.cli import streams
from provence_plugins.cli.options import MODEL_HELP, refuse_options, require_own_folder

if TYPE_CHECKING:
    from provence_plugins.model.checkpoint import Checkpoint
    from provence_plugins.model.loading import Network

_Stock = Literal["sequence-classification", "token-classification"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxOptions:
    """Which ONNX files are written."""

    precision: Annotated[
        list[str] | None,
        typer.Option(
            help="Precision of an ONNX file, float32 or int8; may be repeated.", show_default="float32 and int8"
        ),
    ] = None


def train(
    configs: Annotated[
        list[Path],
        typer.Argument(metavar="CONFIG...", help="TOML files with the settings of a run; run one after another."),
    ],
    resume: Annotated[bool, typer.Option("--resume", help="Continue the runs from their checkpoints.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Output folder of the run.", show_default="the one in the settings")
    ] = None,
) -> None:
    """Train a model (extra: train)."""
    from provence_plugins.training.recipes import read_settings

    if output is not None and len(configs) > 1:
        raise typer.BadParameter("--output is for a single run. The settings of several runs name their folders.")
    runs = [read_settings(config) for config in configs]
    from provence_plugins.training.loop import train as run

    logging.getLogger("provence_plugins").setLevel(logging.INFO)
    for settings in runs:
        chosen = settings if output is None else replace(settings, output=str(output))
        try:
            folder = run(chosen, resume=resume, show_progress=sys.stderr.isatty())
        except KeyboardInterrupt as stop:
            raise streams.InterruptedRunError(
                f"Interrupted. Continue from the last checkpoint in {chosen.output} with --resume."
            ) from stop
        streams.print_text(f"{folder}\n")
    streams.report(f"To run the model without torch: provence export {folder}")


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=f"{MODEL_HELP}, with model.safetensors.")],
    onnx: OnnxOptions,
    stock: Annotated[
        _Stock | None,
        typer.Option(
            "--as",
            help="Write a stock Transformers model from a published pruner; needs --output.",
            show_default="ONNX files",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a copy with its weights in half precision.", show_default="MODEL itself, if it is a folder"
        ),
    ] = None,
) -> None:
    """Write ONNX files or a stock Transformers model (extra: export).

    Each ONNX file is compared with torch first, and is not written if the scores differ too much.
    """
    from provence_plugins.model.checkpoint import open_checkpoint

    if stock is not None:
        refuse_options(onnx, ["precision"], "--as")
    checkpoint = open_checkpoint(model)
    if output is None and stock is None:
        require_own_folder(checkpoint, model, "Name a folder for a copy with --output.")
    from provence_plugins.model.loading import load_network

    network = load_network(checkpoint)
    if stock is None:
        _export_onnx(network, checkpoint.folder, output, onnx.precision or ["float32", "int8"])
    else:
        _export_stock(network, checkpoint, output, stock)


def package(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=f"{MODEL_HELP}, with its card.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Folder of the package, which must not exist.")],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the package and of the model in it.", show_default="the last part of OUTPUT"),
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the package.")] = "0.1.0",
    weights: Annotated[
        bool, typer.Option("--weights", help="Include the safetensors too, which torch and further training need.")
    ] = False,
    compress: Annotated[
        bool,
        typer.Option("--compress", help="Keep large files compressed; pip unpacks them when it builds the package."),
    ] = False,
) -> None:
    """Write a model as a package that pip can install."""
    from provence_plugins.model.checkpoint import open_checkpoint
    from provence_plugins.model.packaging import PackageOptions, write_package

    options = PackageOptions(
        name=name or output.resolve().name,
        version=version,
        requires=f"provence-plugins>={__version__}",
        weights=weights,
        compress=compress,
    )
    write_package(open_checkpoint(model), output, options)
    streams.print_text(f"{output}\n")
    streams.report(f"Install it with: pip install {output.resolve()}")
    streams.report(f"After that, open it with: Pruner({options.name!r})")


def push(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=f"{MODEL_HELP}, with its card.")],
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="Hugging Face repo id, owner/name.")],
    revision: Annotated[str | None, typer.Option(help="Branch to write to.", show_default="the main branch")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repo private if it is new.")] = False,
) -> None:
    """Upload a model to the Hugging Face Hub.

    Only the files that a pruner reads are uploaded: configuration, tokenizer, weights, ONNX files
    and card.
    """
    from provence_plugins.model.checkpoint import open_checkpoint
    from provence_plugins.model.hub import upload

    checkpoint = open_checkpoint(model)  # so that nothing broken is uploaded
    streams.print_text(upload(checkpoint.folder, repository, revision=revision, private=private) + "\n")


def _export_onnx(
    network: "Network",
    folder: Path,
    output: Path | None,
    precisions: Sequence[str],
) -> None:
    from provence_plugins.model.export import export_onnx, require_precisions
    from provence_plugins.model.saving import save_half_precision

    require_precisions(precisions)  # before the copy, which replaces files of an earlier one
    if output is not None:
        save_half_precision(network, folder, output)
    for file in export_onnx(network, output or folder, precisions=precisions):
        difference = f"mean difference {file.mean_difference:.2g}, maximum {file.max_difference:.2g}"
        streams.print_text(f"{file.path}\t{difference}\n")


def _export_stock(
    network: "Network",
    checkpoint: "Checkpoint",
    output: Path | None,
    stock: _Stock,
) -> None:
    from provence_plugins.model.stock import export_stock

    if output is None:
        raise typer.BadParameter("--as needs --output, the folder of the stock model.")
    streams.print_text(f"{export_stock(network, checkpoint, output, stock)}\n")
