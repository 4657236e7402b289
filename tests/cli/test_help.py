"""The tables of options in docs/cli.md are those of the commands. To renew them: python tests/cli/test_help.py"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest

import provence_plugins
from provence_plugins.cli.app import COMMANDS
from provence_plugins.cli.options import ModelOptions, PolicyOptions, RunOptions

PAGE = Path(provence_plugins.__file__).parents[1] / "docs" / "cli.md"

# Groups that several commands take have a table of their own.
SHARED = {"policy": PolicyOptions, "model": ModelOptions, "run": RunOptions}
BY_NAME = {command.__name__: command for command in COMMANDS}

# A marker, and the table that stands below it.
MARKER = re.compile(r"(<!-- options: (\w+) -->\n)(?:\n\|[^\n]*(?:\n\|[^\n]*)*\n)?")


@dataclass(frozen=True)
class Option:
    """An option or argument of a command, as its annotation describes it."""

    name: str
    info: Any
    kind: Any
    default: Any

    @property
    def spellings(self) -> list[str]:
        # In Annotated, Typer takes the first spelling for its parameter `default`.
        spellings = [self.info.default, *(self.info.param_decls or ())]
        declared = [part for spelling in spellings if isinstance(spelling, str) for part in spelling.split("/")]
        if declared:
            return declared
        return [self.info.metavar or self.name.upper()] if self.is_argument else [f"--{self.name.replace('_', '-')}"]

    @property
    def is_argument(self) -> bool:
        return type(self.info).__name__ == "ArgumentInfo"

    @property
    def choices(self) -> tuple[str, ...]:
        kinds = get_args(self.kind) if isinstance(self.kind, UnionType) or get_origin(self.kind) is not Literal else ()
        for kind in (self.kind, *kinds):
            if get_origin(kind) is Literal:
                return get_args(kind)
        return ()

    @property
    def shown_default(self) -> str:
        if self.default is inspect.Parameter.empty:
            return "required"
        if isinstance(self.info.show_default, str):
            return self.info.show_default
        if isinstance(self.default, bool):
            on, *off = self.spellings
            return f"`{on if self.default else off[0]}`" if off else ""
        if self.default is None:
            return ""
        values = self.default if isinstance(self.default, tuple) else (self.default,)
        return f"`{' '.join(map(str, values))}`"

    def row(self) -> str:
        names = ", ".join(f"`{spelling}`" for spelling in self.spellings)
        choices = f" One of {', '.join(f'`{choice}`' for choice in self.choices)}." if self.choices else ""
        return f"| {names} | {self.info.help}{choices} | {self.shown_default} |"


def options_of(source: Any) -> Iterator[Option]:
    """Options of a command without those of shared groups, or of a group, without hidden ones."""
    hints = get_type_hints(source, include_extras=True)
    for name, parameter in inspect.signature(source).parameters.items():
        hint = hints[name]
        if is_dataclass(hint) and hint not in SHARED.values():
            yield from options_of(hint)
        elif get_origin(hint) is Annotated:
            kind, info = get_args(hint)
            if not getattr(info, "hidden", False):
                yield Option(name, info, kind, parameter.default)


def table(name: str) -> str:
    rows = [option.row() for option in options_of(SHARED.get(name) or BY_NAME[name])]
    return "\n".join(["| option | meaning | default |", "|---|---|---|", *rows]) + "\n"


def renew(page: str) -> str:
    return MARKER.sub(lambda found: f"{found[1]}\n{table(found[2])}", page)


def test_the_tables_of_the_page_are_those_of_the_commands() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renew(page), "run: python tests/cli/test_help.py"


def test_every_command_has_a_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {found[2] for found in MARKER.finditer(page)} == {"policy", "model", *BY_NAME}


def test_every_option_says_what_it_does_and_what_happens_without_it() -> None:
    from rows import row  # only pytest finds it, and the page is renewed without pytest

    for source in [*SHARED, *BY_NAME]:
        with row(source):
            options = list(options_of(SHARED.get(source) or BY_NAME[source]))
            assert options
            for option in options:
                assert re.fullmatch(r"[A-Z0-9].*\.", option.info.help), option.name
                assert option.shown_default or isinstance(option.default, bool), option.name


@pytest.mark.parametrize("command", BY_NAME)
def test_help_shows_every_option_of_the_table(command: str, run: Any) -> None:
    shown = " ".join(run(command, "--help").out.decode().split())
    for option in options_of(BY_NAME[command]):
        for spelling in option.spellings:
            assert spelling in shown
        assert option.info.help in shown


def test_the_list_of_commands_shows_each_sentence_to_its_end(run: Any) -> None:
    listed = run("--help").out.decode().partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(BY_NAME)
    assert [line for line in listed if line.endswith("...")] == []


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
