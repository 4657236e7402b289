import json
from dataclasses import replace
from pathlib import Path

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.reading.record import RecordedAnswer, fingerprint, open_record
from provence_plugins.readers.reader import Message

ANSWER = RecordedAnswer("p1", "now", "Paris", -0.5, 7, 1, 0.1, 0.2, arm="full", choosing_seconds=0.3)


def write(path: Path, *answers: RecordedAnswer) -> None:
    with open_record(path, "gguf:a") as record:
        for answer in answers:
            record.add(answer, {"source": "s"})


def test_an_answer_is_found_again_by_its_prompt(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, ANSWER)
    with open_record(path, "gguf:a") as record:
        assert record.find("p1") == ANSWER
        assert record.find("p2") is None
        assert len(record) == 1


def test_an_answer_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    with open_record(path, "gguf:a") as record:
        record.add(ANSWER, {"source": "s"})
        last = json.loads(path.read_text().splitlines()[-1])
        assert (last["source"], last["arm"], last["text"]) == ("s", "full", "Paris")


def test_what_failed_is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, RecordedAnswer("p1", "now", failure="timeout"))
    with open_record(path, "gguf:a") as record:
        assert record.find("p1") is None


@pytest.mark.parametrize("text", ["Paris\u2028", "Paris\x85x", "Paris\x1c\x0c", "half \ud800", "東京"], ids=ascii)
def test_an_answer_of_any_characters_is_found_again(text: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    answer = replace(ANSWER, text=text)
    with open_record(path, "gguf:a") as record:
        record.add(answer, {"question": f"Who? {text}"})
    with open_record(path, "gguf:a") as record:
        assert record.find("p1") == answer


def test_an_answer_of_an_earlier_version_is_found_again_whatever_ends_a_line_in_it(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    answer = replace(ANSWER, text="Paris\u2028\x85x")
    write(path, answer)
    rows = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    with open_record(path, "gguf:a") as record:
        assert record.find("p1") == answer


def test_half_a_line_of_a_killed_run_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, ANSWER)
    whole = path.read_bytes()
    path.write_bytes(whole + '{"prompt": "p2", "text": "東'.encode()[:-1])
    write(path, RecordedAnswer("p3", "later", "Rome"))
    assert path.read_bytes().startswith(whole)
    with open_record(path, "gguf:a") as record:
        assert [record.find(name) is not None for name in ("p1", "p2", "p3")] == [True, False, True]


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, ANSWER)
    path.write_text(path.read_text() + "{\n[]\n{}\n")
    with open_record(path, "gguf:a") as record:
        assert len(record) == 1


def test_the_record_of_another_reader_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, ANSWER)
    with (
        pytest.raises(InvalidInputError, match="reader 'gguf:a', and this run has 'gguf:b'"),
        open_record(path, "gguf:b"),
    ):
        pass


def test_the_record_of_another_reader_is_replaced_if_it_holds_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    for failures in ([], [RecordedAnswer("p1", "now", failure="timeout")]):
        write(path, *failures)
        with open_record(path, "gguf:b") as record:
            record.add(ANSWER, {"source": "s"})
        with open_record(path, "gguf:b") as record:
            assert record.find("p1") == ANSWER
        header, *rows = map(json.loads, path.read_text().splitlines())
        assert (header["reader"], len(rows)) == ("gguf:b", 1)
        path.unlink()


def test_two_runs_never_write_one_record(tmp_path: Path) -> None:
    path, link = tmp_path / "answers.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(path)
    with open_record(path, "gguf:a") as record:
        record.add(ANSWER, {"source": "s"})
        before = path.read_bytes()
        for name in (path, link):
            with pytest.raises(InvalidInputError, match="is being written by another run"), open_record(name, "gguf:a"):
                pass
        assert path.read_bytes() == before
    with open_record(path, "gguf:a") as record:
        assert record.find("p1") == ANSWER


def test_rows_of_an_earlier_version_lack_tokens_of_answers_and_the_time_of_choosing(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, ANSWER)
    path.write_text(path.read_text().replace('"answer_tokens": 1, ', "").replace(', "choosing_seconds": 0.3', ""))
    with open_record(path, "gguf:a") as record:
        assert record.find("p1") == replace(ANSWER, answer_tokens=None, choosing_seconds=None)


@pytest.mark.parametrize("content", ["hello\n", '{"a": 1}\n', "no line end"])
def test_a_file_of_another_kind_is_refused_and_stays(content: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match="is not the record of a run"), open_record(path, "gguf:a"):
        pass
    assert path.read_text() == content


def test_a_fingerprint_depends_on_everything_that_decides_an_answer() -> None:
    prompt = [Message("user", "Who?")]
    prints = {
        fingerprint(prompt, "Paris", 5),
        fingerprint(prompt, "Rome", 5),
        fingerprint(prompt, "Paris", 6),
        fingerprint([Message("system", "Who?")], "Paris", 5),
    }
    assert len(prints) == 4
    assert fingerprint(list(prompt), "Paris", 5) in prints
