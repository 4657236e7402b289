"""The command that describes this installation."""

from typing import TYPE_CHECKING, Annotated

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.options import MODEL_HELP
from provence_plugins.text.visible import show_on_one_line

if TYPE_CHECKING:
    from provence_plugins.cli.diagnosis import Diagnosis, ModelFacts, ThresholdFacts


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
    rows.append(("processors", str(diagnosis.processors)))
    rows.append(("devices", ", ".join(diagnosis.devices)))
    rows.append(("telemetry", "on, see the page on security" if diagnosis.telemetry else "off"))
    rows += [("installed model", f"{name} ({owner})") for name, owner in diagnosis.installed_models.items()]
    if diagnosis.model is not None:
        rows += _model_rows(diagnosis.model)
    rows.append(("offline ready", "yes" if diagnosis.ready else f"no: {diagnosis.problem}"))
    return rows


def _model_rows(model: "ModelFacts") -> list[tuple[str, str]]:
    version = f", version {model.format_version}" if model.format_version else ""
    rows = [("model", model.name), ("folder", model.folder)]
    rows += [("", f"{name}: {size:,} bytes") for name, size in model.files.items()]
    rows.append(("format", model.format + version))
    rows.append(("threshold", f"{model.threshold:g}"))
    rows += [(f"  {name}", _describe(facts)) for name, facts in model.thresholds.items()]
    rows.append(("window tokens", str(model.window_tokens)))
    rows.append(("backends", ", ".join(model.backends) or "none"))
    return rows


def _describe(facts: "ThresholdFacts") -> str:
    if facts.kept is None or facts.removed is None:
        return f"{facts.threshold:g}"
    return f"{facts.threshold:g} (on labelled data: {facts.kept:.1%} of the answers kept, {facts.removed:.0%} removed)"
