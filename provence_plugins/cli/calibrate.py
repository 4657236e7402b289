"""The command that measures the thresholds of a model and stores them in its folder."""

from typing import TYPE_CHECKING, Annotated

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.options import require_own_folder

if TYPE_CHECKING:
    from provence_plugins.evaluation.thresholds import MeasuredThresholds


def calibrate(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Model folder that this package wrote.")],
    data: Annotated[
        list[str], typer.Argument(metavar="DATA...", help="Files of labelled JSON lines, or glob patterns.")
    ],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of questions of each source.", show_default="all")
    ] = None,
) -> None:
    """Measure and store the thresholds of a model (extra: eval).

    The thresholds careful, balanced and short keep 99, 97 and 93 of 100 answers of DATA; balanced
    becomes the default. They are measured with the backend that the model runs on later, so write
    its ONNX files first.
    """
    from provence_plugins.data.examples import first_questions, read_all_examples
    from provence_plugins.data.files import find_files
    from provence_plugins.evaluation.thresholds import write_thresholds
    from provence_plugins.model.checkpoint import open_checkpoint

    examples = read_all_examples(find_files(data))
    chosen = examples if limit is None else first_questions(examples, limit)
    checkpoint = open_checkpoint(folder)
    require_own_folder(checkpoint, folder, f"Copy it first: provence export {folder} --output COPY.")
    streams.print_text(_show(write_thresholds(checkpoint, chosen)))


def _show(measured: "MeasuredThresholds") -> str:
    rows = []
    for name, threshold in measured.thresholds.named.items():
        row = measured.row_of(threshold)
        rows.append((name, f"{threshold:g}: {row.kept:.1%} of the answers kept, {row.removed:.1%} removed"))
    return streams.format_table(rows)
