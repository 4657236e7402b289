"""The benchmarks load; most slow tests run one at a small scale, and read the result file that it writes."""

import json
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from provence_plugins.data.examples import read_examples
from provence_plugins.evaluation.reporting.result_files import ResultFile, read_result

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

# Custom code as OpenProvence's models bring it, but without their packages: it keeps five characters of each text.
MODEL_CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel

class ShortConfig(PretrainedConfig):
    model_type = "short"

class ShortModel(PreTrainedModel):
    config_class = ShortConfig

    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(1, 1)
        self.post_init()

    def process(self, question, context, title, show_progress):
        print("progress that is no answer")
        return {"pruned_context": [text[:5] for text in context]}
"""


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def measure(script: str, tmp_path: Path, *arguments: object) -> ResultFile:
    """Run a script, and read the result file that it wrote."""
    output = tmp_path / "results" / "measured.json"
    printed = run(script, *arguments, "--output", output)
    result = read_result(output)
    assert all(f"### {table.title}" in printed for table in result.tables)
    assert all(len(row) == len(table.columns) for table in result.tables for row in table.rows)
    return result


@pytest.mark.skipif(sys.platform == "win32", reason="processor seconds of POSIX")
def test_every_script_loads_with_what_it_imports_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = sorted(BENCHMARKS.glob("*.py"))
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for script in scripts:
        monkeypatch.delitem(sys.modules, script.stem, raising=False)
    failed = {}
    for script in scripts:
        try:
            runpy.run_path(str(script), run_name="loaded")
        except Exception as error:  # each script is named with what goes wrong in it
            failed[script.name] = error
    assert failed == {}
    for script in scripts:
        sys.modules.pop(script.stem, None)


@pytest.mark.slow
def test_the_engine_is_measured(tiny_folder: Path, tmp_path: Path) -> None:
    names = ["passages", "lengths", "documents", "stages", "preparation", "threads", "callers", "neighbours", "cache"]
    result = measure("speed.py", tmp_path, "--model", tiny_folder, "--rounds", 2, "--scale", 0.02, "--only", *names)
    assert list(result.data["measurements"]) == names
    assert len(result.tables) == len(names)
    assert "model_int8.onnx" in result.title
    assert result.command.startswith("python ")
    assert "processors" in result.machine


@pytest.mark.slow
def test_other_ways_are_measured_against_the_engine(tiny_folder: Path, tmp_path: Path) -> None:
    names = ["runtimes", "naive", "peers"]
    result = measure("speed.py", tmp_path, "--model", tiny_folder, "--rounds", 1, "--scale", 0.05, "--only", *names)
    for rows in result.data["measurements"].values():
        assert rows[0]["times the first"].startswith("1.00")
        assert len(rows) >= 2


@pytest.mark.slow
def test_the_peak_of_memory_is_that_of_a_process_of_its_own(tiny_folder: Path, tmp_path: Path) -> None:
    cases = ["imports and texts", "model opened, one passage"]
    result = measure("memory.py", tmp_path, "--model", tiny_folder, "--rounds", 1, "--only", *cases)
    [[least], [most]] = [result.data["peaks"][name] for name in cases]
    assert 10_000_000 < least < most


@pytest.mark.slow
def test_open_provence_answers_from_an_interpreter_of_its_own(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    other = tmp_path / "short"
    other.mkdir()
    (other / "modeling_short.py").write_text(MODEL_CODE)
    auto = {"AutoConfig": "modeling_short.ShortConfig", "AutoModel": "modeling_short.ShortModel"}
    (other / "config.json").write_text(json.dumps({"model_type": "short", "auto_map": auto}))
    weights = {"layer.weight": np.zeros((1, 1), np.float32), "layer.bias": np.zeros(1, np.float32)}
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    named = ["--open-provence-python", sys.executable, "--open-provence-model", other]
    result = measure("speed.py", tmp_path, "--model", tiny_folder, "--rounds", 1, "--only", "peers", *named)
    assert "OpenProvence" in str(result.tables[0].rows[2][0])


@pytest.mark.slow
def test_splitting_is_measured(tmp_path: Path) -> None:
    result = measure("splitting.py", tmp_path, "--rounds", 1, "--characters", 500, "--splitters", "sentencex", "lines")
    [table] = result.tables
    assert {row[0] for row in table.rows} == {"sentencex", "lines"}


@pytest.mark.slow
def test_the_growth_of_a_whole_call_is_measured(tmp_path: Path) -> None:
    how = ["--rounds", 1, "--characters", 500, "--splitters", "sentencex", "--work", "pruning", "--shapes", "prose"]
    [table] = measure("splitting.py", tmp_path, *how).tables
    assert float(dict(zip(table.columns, table.rows[0], strict=True))["growth"]) > 0


@pytest.mark.slow
def test_gaps_of_the_event_loop_are_measured(tmp_path: Path) -> None:
    shapes = ["short lines", "prose"]
    for option in ([], ["--freeze", "--scorer", "direct"]):
        result = measure("event_loop.py", tmp_path, "--characters", 3_000, "--shapes", *shapes, *option)
        [table] = result.tables
        assert sorted(row[0] for row in table.rows) == sorted(shapes)


@pytest.fixture
def labelled_file(tmp_path: Path) -> Path:
    """A file of eight labelled questions."""
    texts = [
        f"Mill number {number} was built in 18{number}. It stands by a wide river. " * 8 for number in range(10, 18)
    ]
    answer = {"answer_spans": [[24, 28]], "is_positive": True}
    rows = [
        {"question": f"When was mill {number} built?", "passage": text, **answer}
        for number, text in enumerate(texts, start=10)
    ]
    path = tmp_path / "examples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.slow
def test_a_precision_is_compared_with_float32(tiny_folder: Path, labelled_file: Path, tmp_path: Path) -> None:
    names = ["--model", tiny_folder, "--data", labelled_file, "--dtype"]
    [small] = measure("precision.py", tmp_path, *names, "int8").tables
    [exact] = measure("precision.py", tmp_path, *names, "float32").tables
    assert float(exact.rows[0][2]) == 0.0 < float(small.rows[0][2])


@pytest.mark.slow
def test_the_results_of_tools_are_measured_in_seven_formats(labelled_file: Path, tmp_path: Path) -> None:
    result = measure("tool_results.py", tmp_path, "--data", labelled_file, "--questions", 3)
    [table] = result.tables
    assert len(table.rows) == 7
    assert {(row[3], row[4]) for row in table.rows} == {("0.0 %", "100.0 %")}


@pytest.mark.slow
def test_a_short_soak_breaks_nothing(tiny_folder: Path) -> None:
    printed = run("soak.py", "--seconds", 1, "--callers", 10, "--reopen", 0.3, "--forks", 1, "--model", tiny_folder)
    assert "longest gap of the event loop" in printed


@pytest.mark.slow
@pytest.mark.parametrize("scorer", ["shared", "direct"])
def test_a_soak_of_two_hundred_callers_breaks_nothing(scorer: str) -> None:
    printed = run("soak.py", "--seconds", 30, "--scorer", scorer)
    assert "by 200 callers" in printed


@pytest.mark.slow
def test_a_server_is_measured(tiny_folder: Path, tmp_path: Path) -> None:
    result = measure("serving.py", tmp_path, "--model", tiny_folder, "--rounds", 1, "--scale", 0.02)
    assert list(result.data["measurements"]) == ["overhead", "throughput", "double-load"]
    statuses = {status for status, _ in result.data["measurements"]["double-load"]}
    assert statuses <= {200, 429}


@pytest.mark.slow
def test_no_request_is_lost_or_answered_twice_when_things_break(tiny_folder: Path) -> None:
    printed = run("serving_faults.py", "--model", tiny_folder, "--requests", 1_000)
    assert "lost: 0; answered twice: 0; mixed up: 0" in printed


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processor seconds of POSIX")
def test_bulk_is_measured_with_several_processes(tiny_folder: Path) -> None:
    printed = run("scaling.py", "--model", tiny_folder, "--lines", 300, "--passages", 1, "--workers", 1, 2)
    assert [line.split("|")[1:3] for line in printed.splitlines()[-2:]] == [
        [" processes ", " 1 "],
        [" processes ", " 2 "],
    ]


def test_published_outputs_become_data_and_predictions(tmp_path: Path) -> None:
    chunk = {
        "document_id": "W1",
        "chunk_number": 4,
        "chunk": "Ada wrote it. It rained.",
        "gold_extraction": ["ada wrote it."],
    }
    other = {"document_id": "W2", "chunk_number": 0, "chunk": "It rained.", "gold_extraction": []}
    repository = tmp_path / "repository"
    outputs = repository / "artifacts" / "eval" / "gold_extraction"
    outputs.mkdir(parents=True)
    gold = {"query": "Who?", "results": [chunk, other]}
    (repository / "333_20260206_dense_top5_20260305.json").write_text(json.dumps(gold) + "\n")
    names = ["provence_gold.jsonl", "zilliz_spans_03_gold.jsonl", "gte-reranker.thr_0.2_merged.json", "glm-5.json"]
    names += ["mistral-small-2603.json", "nemotron-120b-a12b.json", "qwen_default_gold.json"]
    for name in names:
        key = "pred_spans" if name.endswith("l") else "predicted_spans"
        rows = [{"query": "Who?", "paper_id": "W1", "chunk_index": 4, key: [{"start": 0, "end": 3}]}]
        rows.append({"query": "Who?", "paper_id": "W2", "chunk_index": 0, key: []})
        text = "\n".join(map(json.dumps, rows)) if name.endswith("l") else json.dumps({"records": rows})
        (outputs / name).write_text(text)
    run("published_outputs.py", repository, tmp_path / "made")
    examples = [json.loads(line) for line in (tmp_path / "made" / "acl-verbatim.jsonl").read_text().splitlines()]
    assert [(each["is_positive"], each["answer_spans"]) for each in examples] == [(True, [[0, 13]]), (False, [])]
    for name in ("provence", "glm-5"):
        rows = [json.loads(line) for line in (tmp_path / "made" / f"{name}.jsonl").read_text().splitlines()]
        assert [(row["id"], row["spans"]) for row in rows] == [("Who?/W1/4", [[0, 3]]), ("Who?/W2/0", [])]


def test_labels_of_a_model_are_compared_with_those_of_people(tmp_path: Path) -> None:
    pair = {"question": "Who?", "passage": "Ada did. It rained.", "is_positive": True, "answer_spans": [[0, 3]]}
    rows = [
        {"id": "a", **pair, "silver": [[0, 8, 1.0], [9, 19, 0.0]]},
        {"id": "b", **pair, "silver": [[0, 8, 0.0], [9, 19, 1.0]]},
        {"id": "c", **pair, "is_positive": False, "silver": [[0, 8, 0.0], [9, 19, 0.0]]},
        {"line": 4, "discarded": "no citation", "answer": "Ada."},
    ]
    labels = tmp_path / "silver.jsonl"
    labels.write_text("\n".join(map(json.dumps, rows)))
    sentences, passages = measure("label_agreement.py", tmp_path, labels).tables
    [every, positive] = [[str(cell).split(" ")[0] for cell in row[1:]] for row in sentences.rows]
    assert every == ["3", "6", "50.0", "50.0", "50.0", "25.0"]
    assert positive == ["2", "4", "50.0", "50.0", "50.0", "0.0"]
    [[name, with_answer, without, discarded]] = passages.rows
    assert (name, str(with_answer)[:5], str(without)[:5]) == ("silver", "100.0", "100.0")
    assert discarded == "no citation: 1"
    labels.write_text(json.dumps(rows[2]))
    [row] = measure("label_agreement.py", tmp_path, labels).tables[0].rows
    assert row[1:3] == [1, 2], "no passage has an answer"


def test_pairs_to_label_hold_passages_with_the_answer_and_without(tmp_path: Path) -> None:
    def line(number: int, ending: str, **fields: object) -> str:
        marked = {"is_positive": True, "answer_spans": [[0, 5]], "relevant_sentences": None}
        return json.dumps(
            {"id": f"q{number}{ending}", "question": f"Q{number}?", "passage": "word " * 50} | marked | fields
        )

    mined = {"is_positive": False, "answer_spans": []}
    lines = [line(number, "") for number in range(8)] + [line(number, "#n0", **mined) for number in range(8)]
    lines += [line(8, "", passage="Short."), line(9, "", passage="long " * 500), line(10, "", answer_spans=[])]
    data, made = tmp_path / "data.jsonl", tmp_path / "pairs.jsonl"
    data.write_text("\n".join(lines))
    unmarked = tmp_path / "unmarked.jsonl"
    unmarked.write_text(json.dumps({"id": "u", "question": "U?", "passage": "word " * 50, "is_positive": False}))
    run("label_pairs.py", data, unmarked, "--output", made)
    pairs = [json.loads(line) for line in made.read_text().splitlines()]
    with_answer = [pair["id"] for pair in pairs if pair["is_positive"]]
    without = [pair["id"] for pair in pairs if not pair["is_positive"]]
    assert (len(set(with_answer)), len(set(without))) == (6, 4)
    assert {name.removesuffix("#n0") for name in without} <= set(with_answer) <= {f"q{number}" for number in range(8)}
    again = tmp_path / "again.jsonl"
    run("label_pairs.py", data, "--output", again)
    assert again.read_bytes() == made.read_bytes()


@pytest.mark.slow
def test_real_texts_are_measured_by_kind_of_text_and_type_of_question(tiny_folder: Path, tmp_path: Path) -> None:
    text = "The ferry leaves at nine.\n\nIt is green."
    line = {"question": "When?", "passage": text, "is_positive": True, "relevant_sentences": [[0, 25]], "kind": "note"}
    data = tmp_path / "texts.jsonl"
    data.write_text(json.dumps(line) + "\n")
    printed = run("real_texts.py", data, "--model", tiny_folder, "--lost")
    assert (
        "| kind of text | questions | kept | all of it | removed |\n| --- | --- | --- | --- | --- |\n| note | 1 |"
        in printed
    )
    assert "| not named | 1 |" in printed


def test_every_real_text_has_its_kind_and_every_question_its_type_and_its_evidence() -> None:
    examples = list(read_examples(BENCHMARKS / "data" / "real_texts.jsonl.gz"))
    page = (BENCHMARKS / "data" / "README.md").read_text(encoding="utf-8")
    assert len({example.id for example in examples}) == len(examples) == 203
    assert all(example.evidence for example in examples)
    for group, count in (Counter(e.kind for e in examples) + Counter(e.question_type for e in examples)).items():
        assert f"| {group} | {count} |" in page
