import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Passage, Pruner, PruningPolicy
from provence_plugins.thresholds import ThresholdName

Run = Callable[..., Any]


def test_threshold_zero_gives_a_file_back_byte_for_byte(run: Run, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--threshold", 0)
    assert done == (0, page.read_bytes(), "")


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=["no file", "dash"])
def test_standard_input_is_read_when_no_file_is_named(
    arguments: list[str], run: Run, page: Path, tiny_folder: Path
) -> None:
    done = run("prune", "-q", "where?", *arguments, "--model", tiny_folder, "--threshold", 0, stdin=page.read_bytes())
    assert done.out == page.read_bytes()


def test_the_text_is_what_the_engine_keeps(run: Run, text: str, page: Path, tiny_folder: Path) -> None:
    with Pruner(tiny_folder) as pruner:
        result = pruner.prune("cheese?", [Passage(text, "Food")], PruningPolicy(max_tokens=20, keep_headings=False))
    options = ("--title", "Food", "--max-tokens", 20, "--no-keep-headings", "--model", tiny_folder)
    done = run("prune", "-q", "cheese?", page, *options)
    assert done.out.decode() == result.passages[0].text != text


def test_passages_are_parted_by_a_blank_line(run: Run, page: Path, other: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", other, page, "--model", tiny_folder, "--threshold", 0)
    assert done.out == other.read_bytes() + b"\n\n" + page.read_bytes()


@pytest.fixture(scope="module")
def best(text: str, tiny_folder: Path) -> float:
    """The probability of the best sentence of the page."""
    with Pruner(tiny_folder) as pruner:
        [passage] = pruner.prune("where?", [text], PruningPolicy(max_tokens=0)).dropped
    return max(sentence.probability for sentence in passage.sentences)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--threshold", 1], "is below the threshold 1. If the passages do hold the answer, lower --threshold"),
        (["--threshold", 0, "--max-tokens", 0], "but --max-tokens 0 leaves no passage"),
        (["--threshold", 0, "--min-relevance", 1], "but --min-relevance 1.0 leaves no passage"),
        (
            ["--threshold", 1, "--when-empty", "keep_one", "--min-relevance", 1],
            "is below the threshold 1, and --min-relevance 1.0 leaves no passage. Lower --min-relevance.",
        ),
        (
            ["--threshold", 1, "--when-empty", "keep_all", "--max-tokens", 0],
            "is below the threshold 1, and --max-tokens 0 leaves no passage. Raise --max-tokens.",
        ),
        (
            ["--threshold", 0, "--max-tokens", 0, "--min-relevance", 1],
            "and --min-relevance 1.0 leave no passage. Raise --max-tokens and lower --min-relevance.",
        ),
    ],
    ids=["threshold", "budget", "relevance", "relevance of one", "budget of all", "both"],
)
@pytest.mark.parametrize("view", [[], ["--json"], ["--show"], ["--html"]], ids=["text", "json", "show", "html"])
def test_a_result_without_text_is_explained_and_is_not_an_error(
    options: list[object], reason: str, view: list[str], run: Run, page: Path, best: float, tiny_folder: Path
) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, *options, *view)
    assert done.code == 0
    assert view or done.out == b""
    assert f"Nothing was kept. The best sentence has probability {best:.3g}" in done.err
    assert reason in done.err
    assert done.err.count("\n") == 1


def test_a_comparison_of_passages_that_leaves_nothing_is_named(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    texts = ["Paris", "Where is it?"]
    with Pruner(tiny_folder) as pruner:
        better, surer = pruner.prune("where?", texts, PruningPolicy(threshold=1)).dropped
    best = better.sentences[0].probability
    assert best > surer.sentences[0].probability
    assert better.relevance < surer.relevance
    files = [tmp_path / "better.md", tmp_path / "surer.md"]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    options = ("--threshold", best * 0.999, "--passage-comparison", 10, "--model", tiny_folder)
    done = run("prune", "-q", "where?", *files, *options)
    assert done.out == b""
    assert f"{best:.3g}, which reaches the threshold" in done.err
    assert "but --passage-comparison 10.0 leaves no passage. Use --passage-comparison 0," in done.err
    assert run("prune", "-q", "where?", *files, *options, "--passage-comparison", 0).out == b"Paris"


def test_an_empty_passage_needs_no_explanation(run: Run, tiny_folder: Path) -> None:
    assert run("prune", "-q", "where?", "--model", tiny_folder, stdin=b"") == (0, b"", "")


def test_figures_go_to_standard_error(run: Run, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--threshold", 0, "--stats")
    assert done.out == page.read_bytes()
    assert "0% removed" in done.err
    assert "1 kept, 0 dropped" in done.err
    assert str(tiny_folder) in done.err


@pytest.mark.parametrize("given", [None, "careful", 0.25])
def test_the_figures_name_the_threshold_that_decided_and_no_other(
    given: float | ThresholdName | None, run: Run, page: Path
) -> None:
    done = run("prune", "-q", "where?", page, "--stats", *([] if given is None else ["--threshold", given]))
    with Pruner() as pruner:
        decided = pruner.thresholds.resolve(given)
    name = " (careful)" if given == "careful" else ""
    assert re.findall(r"threshold.*", done.err) == [f"threshold  {decided:g}{name}"]


def test_json_is_the_result_as_a_dict(run: Run, text: str, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--json")
    with Pruner(tiny_folder) as pruner:
        assert json.loads(done.out) == pruner.prune("where?", [text]).to_dict()
    assert "🧀".encode() in done.out


def test_html_is_a_complete_page_with_everything_escaped(run: Run, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "<script>?", page, "--model", tiny_folder, "--html")
    assert done.out.startswith(b"<!doctype html>")
    assert done.out.endswith(b"</html>\n")
    assert b"<title>&lt;script&gt;?</title>" in done.out
    assert b"<script" not in done.out


def test_the_view_has_colors_on_request_only(run: Run, page: Path, tiny_folder: Path) -> None:
    arguments = ("prune", "-q", "where?", page, "--model", tiny_folder, "--show", "--threshold", 1)
    plain, colored = run(*arguments).out, run(*arguments, "--color").out
    assert b"\x1b[" not in plain
    assert b"\x1b[" in colored


def test_colors_without_the_view_are_refused(run: Run, page: Path) -> None:
    refused = run("prune", page, "-q", "where?", "--no-color")
    assert refused.code == 2
    assert "--color can be used only with --show" in refused.err


def test_files_are_ranked_best_first(run: Run, text: str, page: Path, other: Path, tiny_folder: Path) -> None:
    with Pruner(tiny_folder) as pruner:
        ranked = pruner.rerank("where?", [text, other.read_text()])
    done = run("rerank", "-q", "where?", page, other, "--model", tiny_folder)
    assert done.out.decode() == "".join(f"{row.relevance:.4f}\t{(page, other)[row.index]}\n" for row in ranked)
    assert run("rerank", "-q", "where?", page, other, "--model", tiny_folder, "--top-n", 1).out.count(b"\n") == 1


def test_a_binary_file_is_named(run: Run, tmp_path: Path) -> None:
    binary = tmp_path / "image.png"
    binary.write_bytes(b"\x89PNG")
    assert f"{binary} is not UTF-8 text" in run("prune", "-q", "x", binary).complaint


@pytest.mark.parametrize("view", ["--show", "--html"])
def test_views_show_files_by_name_and_the_text_of_dropped_ones(
    view: str, run: Run, page: Path, other: Path, tiny_folder: Path
) -> None:
    done = run(
        "prune", "-q", "where?", page, other, "-", "--model", tiny_folder, "--max-tokens", 0, view, stdin=b"Yes."
    )
    shown = done.out.decode()
    assert f"{page} ·" in shown
    assert f"{other} ·" in shown
    assert "standard input ·" in shown
    assert "[0]" not in shown
    assert "A city in France." in shown
    assert shown.count("dropped, best probability") == 3


def test_json_holds_sentences_and_text_of_dropped_passages(run: Run, text: str, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--max-tokens", 0, "--json")
    [dropped] = json.loads(done.out)["dropped"]
    assert dropped["text"] == text
    assert dropped["sentences"][-1]["end"] == len(text)
    assert not any(sentence["kept"] for sentence in dropped["sentences"])


@pytest.mark.parametrize("command", ["rerank", "prune"])
def test_a_file_name_cannot_steer_the_terminal_or_forge_a_line(command: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\n0.99\tb  c.md"
    path.write_text("Paris is a city.")
    arguments = ("--show",) if command == "prune" else ()
    shown = run(command, "-q", "where?", path, *arguments).out.decode()
    assert "\x1b" not in shown
    assert "\n0.99" not in shown
    if command == "rerank":
        assert shown.endswith("a␛[2J␊0.99␉b  c.md\n")


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
@pytest.mark.parametrize("view", [[], ["--show", "--no-color"]], ids=" ".join)
def test_a_passage_cannot_steer_the_terminal(
    view: list[str], run: Run, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("Paris\x1b[2J is a city.\x9b2J It\x07 is old.")
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--threshold", 0, *view)
    shown = b""
    with suppress(OSError):  # Linux says so when the other end is closed
        while part := os.read(ours, 10_000):
            shown += part
    os.close(ours)
    assert done.code == 0
    assert b"is a city" in shown
    assert not {"\x1b", "\x9b", "\x07"} & set(shown.decode())


def test_a_pipe_gets_control_characters_as_they_are(run: Run, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", "--model", tiny_folder, "--threshold", 0, stdin=b"Paris\x1b[2J is a city.")
    assert done.out == b"Paris\x1b[2J is a city."
