"""Publish the result of a benchmark: Markdown for the reader, a result file for the documentation."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from provence_plugins.evaluation.reporting.machine import describe_commit, describe_machine
from provence_plugins.evaluation.reporting.result_files import Figure, ResultFile, Table


# Any: plain values of every kind.
def publish(
    title: str,
    tables: Sequence[Table],
    data: Mapping[str, Any],
    output: Path | None,
    figures: Sequence[Figure] = (),
) -> None:
    """Print tables as Markdown, and write them with command, machine and raw numbers to a file, if one is given."""
    command = f"python {shlex.join(sys.argv)}"
    result = ResultFile(title, command, describe_machine(), describe_commit(), tables, figures, data)
    print(result.to_markdown(level=2))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        result.write(output)
