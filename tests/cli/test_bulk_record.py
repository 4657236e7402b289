import json
from pathlib import Path

import pytest

from provence_plugins import __version__
from provence_plugins.cli.bulk_record import RunSettings, begin_record, fingerprint_model, resume_record
from provence_plugins.errors import InvalidInputError

SETTINGS = RunSettings("model", 100, {"threshold": None, "when_empty": "drop"})


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    with begin_record(path, SETTINGS) as record:
        record.check_group([b"a\n", b"b\n"], 0)
        record.check_group([b"c\n"], 0)
    return path


def test_the_record_can_be_read_by_people(output: Path) -> None:
    header, first, second = map(json.loads, output.with_name("out.jsonl.run").read_text().splitlines())
    assert header == {
        "provence_bulk_run": 1,
        "version": __version__,
        "model": "model",
        "input_bytes": 100,
        "options": {"threshold": None, "when_empty": "drop"},
    }
    assert (first["lines"], second["lines"]) == (2, 1)
    assert first["sha256"] != second["sha256"]


def test_recorded_groups_are_compared_and_new_ones_added(output: Path) -> None:
    with resume_record(output, SETTINGS) as record:
        record.check_group([b"a\n", b"b\n"], 3)
        record.check_group([b"c\n"], 3)
        record.check_group([b"d\n"], 3)
    with resume_record(output, SETTINGS) as record:
        for group in ([b"a\n", b"b\n"], [b"c\n"], [b"d\n"]):
            record.check_group(group, 4)
        with pytest.raises(InvalidInputError, match="its lines 5 to 5"):
            record.check_group([b"e\n"], 5)


@pytest.mark.parametrize("group", [[b"a\n"], [b"a\n", b"B\n"], [b"a\n", b"b\n", b"c\n"], [b"b\n", b"a\n"]])
def test_other_lines_are_refused(output: Path, group: list[bytes]) -> None:
    with (
        resume_record(output, SETTINGS) as record,
        pytest.raises(InvalidInputError, match=rf"its lines 1 to {len(group)} are not those"),
    ):
        record.check_group(group, 3)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (RunSettings("other", 100, SETTINGS.options), "the files of the model have changed"),
        (RunSettings("model", 99, SETTINGS.options), "the input had 100 bytes and has 99"),
        (RunSettings("model", 100, {**SETTINGS.options, "threshold": 0.5}), "--threshold was not given and is 0.5"),
        (RunSettings("model", 100, {**SETTINGS.options, "when_empty": "keep_all"}), "--when-empty was drop and is"),
    ],
    ids=["model", "input", "threshold", "choice"],
)
def test_other_settings_are_refused(output: Path, settings: RunSettings, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason), resume_record(output, settings):
        pass


def test_options_of_several_values_are_the_same_after_they_were_stored(tmp_path: Path) -> None:
    settings = RunSettings("model", 100, {"keep_neighbors": (1, 2)})
    with begin_record(tmp_path / "pairs.jsonl", settings):
        pass
    with resume_record(tmp_path / "pairs.jsonl", settings):
        pass


def test_a_pipe_may_take_the_place_of_a_file(output: Path) -> None:
    with resume_record(output, RunSettings("model", None, SETTINGS.options)):
        pass


def test_another_version_of_the_package_is_refused(output: Path) -> None:
    record = output.with_name("out.jsonl.run")
    record.write_text(record.read_text().replace(__version__, "0.0.1"))
    reason = r"written by provence-plugins 0\.0\.1, and this is"
    with pytest.raises(InvalidInputError, match=reason), resume_record(output, SETTINGS):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "\x00\xff"])
def test_a_damaged_record_is_refused(output: Path, content: str) -> None:
    output.with_name("out.jsonl.run").write_text(content)
    with pytest.raises(InvalidInputError, match="missing or damaged"), resume_record(output, SETTINGS):
        pass


def test_the_fingerprint_of_a_model_is_that_of_the_files_that_decide(tmp_path: Path) -> None:
    for name in ("config.json", "model.onnx", "README.md", "notes.txt"):
        (tmp_path / name).write_text(name)
    before = fingerprint_model(tmp_path)
    (tmp_path / "README.md").write_text("changed")
    (tmp_path / "notes.txt").write_text("changed")
    assert fingerprint_model(tmp_path) == before
    (tmp_path / "model.onnx").write_text("changed")
    assert fingerprint_model(tmp_path) != before
