import os
import sys
from pathlib import Path

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.serving import allowed_files
from provence_plugins.serving.allowed_files import AllowedFiles

SECRET = "the secret lies outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with files, beside a secret that must not be read."""
    (tmp_path / "secret.md").write_text(SECRET, encoding="utf-8")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "deep.md").write_text(SECRET, encoding="utf-8")
    root = tmp_path / "root"
    for name in ("a.md", "b.txt", "inner/c.md", "inner/deeper/d.md", ".hidden/e.md", "odd[1].md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"text of {name}", encoding="utf-8")
    return root


def names(files: AllowedFiles, *paths: str) -> list[str]:
    return [file.name for file in files.read(paths).files]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.md", ["a.md"]),
        ("./inner/c.md", ["inner/c.md"]),
        ("*.md", ["a.md", "odd[1].md"]),
        ("**/*.md", ["a.md", "inner/c.md", "inner/deeper/d.md", "odd[1].md"]),
        ("inner/**", ["inner/c.md", "inner/deeper/d.md"]),
        ("**/**/d.md", ["inner/deeper/d.md"]),
        ("?.txt", ["b.txt"]),
        ("odd[1].md", ["odd[1].md"]),
        (".hidden/*.md", [".hidden/e.md"]),
    ],
)
def test_paths_and_patterns_name_files_below_the_root(root: Path, path: str, found: list[str]) -> None:
    assert names(AllowedFiles([root]), path) == found


def test_files_are_read_once_in_the_order_of_the_paths(root: Path) -> None:
    read = AllowedFiles([root]).read(["inner/c.md", "**/*.md"])
    assert [file.name for file in read.files] == ["inner/c.md", "a.md", "inner/deeper/d.md", "odd[1].md"]
    assert read.files[0].text == "text of inner/c.md"
    assert read.skipped == []


def test_absolute_paths_below_a_root_are_read_however_the_root_is_spelled(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link to the root"
    link.symlink_to(root)
    files = AllowedFiles([link])
    assert names(files, str(root / "a.md")) == ["a.md"]
    assert names(files, str(link / "a.md")) == ["a.md"]


def test_with_several_roots_names_are_absolute_and_can_be_given_again(root: Path, tmp_path: Path) -> None:
    files = AllowedFiles([root, tmp_path / "outside"])
    found = names(files, "a.md", "deep.md", "**/c.md")
    assert [Path(name).name for name in found] == ["a.md", "deep.md", "c.md"]
    assert all(Path(name).is_absolute() for name in found)
    assert names(files, *found) == found


@pytest.mark.parametrize(
    "path",
    ["../secret.md", "inner/../../secret.md", "inner/../a.md", "..", "../*.md", "**/../*.md", "inner/.."],
)
def test_two_dots_are_refused(root: Path, path: str) -> None:
    with pytest.raises(InvalidInputError, match=r"holds '\.\.'"):
        AllowedFiles([root]).read([path])


def test_absolute_paths_elsewhere_are_refused_in_the_same_words_whether_they_exist_or_not(
    root: Path, tmp_path: Path
) -> None:
    files = AllowedFiles([root])
    messages = []
    for path in (tmp_path / "secret.md", tmp_path / "missing.md", Path("/etc/*"), Path(f"{root}2/x")):
        with pytest.raises(InvalidInputError, match="leads out of the folders") as error:
            files.read([str(path)])
        messages.append(str(error.value).replace(str(path), ""))
    assert len(set(messages)) == 1


@pytest.mark.parametrize("path", ["link.md", "folder/deep.md", "folder/missing.md", "dangling.md"])
def test_links_that_lead_out_are_refused_in_the_same_words(root: Path, tmp_path: Path, path: str) -> None:
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "dangling.md").symlink_to(tmp_path / "missing.md")
    with pytest.raises(InvalidInputError, match="leads out of the folders"):
        AllowedFiles([root]).read([path])


@pytest.mark.parametrize("pattern", ["*.md", "**/*.md", "folder/*.md", "fold*/*", "**/deep.md", "**"])
def test_patterns_find_nothing_behind_links_that_lead_out(root: Path, tmp_path: Path, pattern: str) -> None:
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "folder").symlink_to(tmp_path / "outside")
    files = AllowedFiles([root])
    try:
        read = files.read([pattern])
    except InvalidInputError as error:
        assert "No file matches" in str(error)  # noqa: PT017  either is right
    else:
        assert SECRET not in [file.text for file in read.files]
        assert "link.md" not in [file.name for file in read.files]


def test_a_link_to_a_file_below_the_root_is_read_as_that_file(root: Path) -> None:
    (root / "again.md").symlink_to("inner/c.md")
    assert names(AllowedFiles([root]), "again.md", "inner/c.md") == ["inner/c.md"]


@pytest.mark.skipif(not allowed_files._CAN_OPEN_STEP_BY_STEP, reason="links are not followed step by step here")
@pytest.mark.parametrize("swapped", ["inner/c.md", "inner"])
def test_a_link_that_is_put_there_after_the_check_is_not_followed(
    root: Path, tmp_path: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside" / "c.md").write_text(SECRET, encoding="utf-8")
    read = allowed_files._read_bytes

    def swap_and_read(place: allowed_files._Place) -> bytes:
        (root / swapped).rename(tmp_path / "moved")
        (root / swapped).symlink_to(tmp_path / "outside" if swapped == "inner" else tmp_path / "secret.md")
        return read(place)

    monkeypatch.setattr(allowed_files, "_read_bytes", swap_and_read)
    found = AllowedFiles([root]).read(["inner/c.md"])
    assert found.files == []
    assert found.skipped == ["inner/c.md: it became a link while it was read"]


def test_what_cannot_be_read_is_named_with_its_reason(root: Path) -> None:
    (root / "image.png").write_bytes(b"\x89PNG\xff")
    (root / "long.log").write_bytes(b"x" * (allowed_files.MAX_FILE_BYTES + 1))
    read = AllowedFiles([root]).read(["image.png", "long.log", "a.md"])
    assert [file.name for file in read.files] == ["a.md"]
    assert read.skipped == ["image.png: it is not UTF-8 text", "long.log: it has more than 2000000 bytes"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_does_not_block(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert AllowedFiles([root]).read(["pipe"]).skipped == ["pipe: it is not an ordinary file"]


def test_a_file_name_cannot_forge_lines(root: Path) -> None:
    (root / "two\nlines\x1b[2J").write_bytes(b"\xff")
    [line] = AllowedFiles([root]).read(["two*"]).skipped
    assert line == "two␊lines␛[2J: it is not UTF-8 text"


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may hold any bytes")
def test_a_file_whose_name_is_not_utf8_has_a_name_that_can_be_sent_and_given_again(root: Path) -> None:
    (root / os.fsdecode(b"inner/caf\xe9")).mkdir()
    (root / os.fsdecode(b"inner/caf\xe9/d\xff.md")).write_text("text of it", encoding="utf-8")
    (root / os.fsdecode(b"image\xe9.png")).write_bytes(b"\xff")
    files = AllowedFiles([root])
    read = files.read(["inner/**/d?.md", "image*"])
    assert [file.name for file in read.files] == ["inner/caf\ufffd/d\ufffd.md"]
    assert read.skipped == ["image\ufffd.png: it is not UTF-8 text"]
    assert [file.text for file in files.read(["inner/caf\ufffd/d\ufffd.md"]).files] == ["text of it"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.md", "No file matches 'missing.md'"),
        ("*.rst", r"No file matches '\*.rst'"),
        ("inner", "is a folder"),
        ("", "must name a file"),
        ("a\0.md", "must name a file"),
        ("x" * 5000, "at most 4096 characters; got 'xxx"),
    ],
    ids=lambda value: value[:12].replace("\0", "0"),
)
def test_a_path_that_names_no_file_is_an_error(root: Path, path: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        AllowedFiles([root]).read([path])


def test_too_many_files_and_too_broad_patterns_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = AllowedFiles([root])
    monkeypatch.setattr(allowed_files, "MAX_FILES", 2)
    with pytest.raises(InvalidInputError, match="more than 2 files"):
        files.read(["**/*.md"])
    monkeypatch.setattr(allowed_files, "_MAX_ENTRIES", 4)
    with pytest.raises(InvalidInputError, match="more than 4 files and folders"):
        files.read(["**/*.md"])


def test_too_much_text_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowed_files, "MAX_TOTAL_BYTES", 20)
    with pytest.raises(InvalidInputError, match="more than 20 bytes together"):
        AllowedFiles([root]).read(["a.md", "b.txt"])


def test_a_root_must_be_a_folder(root: Path) -> None:
    with pytest.raises(InvalidInputError, match="not a folder"):
        AllowedFiles([root / "a.md"])
