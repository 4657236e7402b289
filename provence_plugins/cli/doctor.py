"""The command that describes this installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.options import MODEL_HELP
from provence_plugins.text.visible import show_on_one_line

if TYPE_CHECKING:
    from provence_plugins.cli.diagnosis import Diagnosis, ThresholdFacts


def doctor(
    model: Annotated[
        str | None,
        typer.Option(help=f"{MODEL_HELP}.", show_default="the bundled model"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation, and print facts about it and a model.

    The exit code is 0 when the model opens and prunes a passage without a network, and 1 otherwise.
    """
    from provence_plugins.cli.diagnosis import diagnose

    diagnosis = diagnose(model)
    if as_json:
        streams.print_json(diagnosis.to_dict())
    else:
        rows = [(name, show_on_one_line(value)) for name, value in _rows(diagnosis)]
        streams.print_text(streams.format_table(rows))
    raise typer.Exit(0 if diagnosis.ready else 1)


def _rows(diagnosis: "Diagnosis") -> list[tuple[str, str]]:
    rows = [(name, version or "not installed") for name, version in diagnosis.versions.items()]
    rows += [("processors", str(diagnosis.processors)), ("devices", ", ".join(diagnosis.devices))]
    rows += [("telemetry", "on, see the page on security" if diagnosis.telemetry else "off")]
    rows += [("installed model", f"{name} ({owner})") for name, owner in diagnosis.installed_models.items()]
    if model := diagnosis.model:
        version = f", version {model.format_version}" if model.format_version else ""
        rows += [("model", model.name), ("folder", model.folder)]
        rows += [("", f"{name}: {size:,} bytes") for name, size in model.files.items()]
        rows += [
            ("format", model.format + version),
            ("threshold", f"{model.threshold:g}"),
            *((f"  {name}", _describe(facts)) for name, facts in model.thresholds.items()),
            ("window tokens", str(model.window_tokens)),
            ("backends", ", ".join(model.backends) or "none"),
        ]
    return [*rows, ("offline ready", "yes" if diagnosis.ready else f"no: {diagnosis.problem}")]


def _describe(facts: "ThresholdFacts") -> str:
    if facts.kept is None or facts.removed is None:
        return f"{facts.threshold:g}"
    return f"{facts.threshold:g} (on labelled data: {facts.kept:.1%} of the answers kept, {facts.removed:.0%} removed)"
