import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from provence_plugins import PruningPolicy
from provence_plugins.cli.options import ModelOptions, PolicyOptions, flatten_options
from provence_plugins.engine.options import PrunerOptions

Run = Callable[..., Any]


def test_every_knob_of_the_policy_and_of_the_pruner_is_an_option() -> None:
    assert PolicyOptions().build() == PruningPolicy()
    deprecated = {"headings"}
    options = {field.name for field in fields(PolicyOptions)} - deprecated
    assert options == {field.name for field in fields(PruningPolicy)}
    # Objects of a program, and what is of no use in a process that makes one call.
    objects = {"policy", "threshold", "scorer", "max_batch_tokens", "cache_tokens"}
    assert {field.name for field in fields(ModelOptions)} == {"model", *PrunerOptions.__annotations__} - objects


def test_every_option_of_the_policy_has_the_name_of_its_field() -> None:
    @flatten_options
    def command(policy: PolicyOptions) -> None: ...

    app = typer.Typer()
    app.command()(command)
    options = {name for parameter in typer.main.get_command(app).params for name in parameter.opts}
    assert options >= {f"--{field.name.replace('_', '-')}" for field in fields(PruningPolicy)}


@pytest.mark.parametrize(("old", "new"), [("--headings", "--keep-headings"), ("--no-headings", "--no-keep-headings")])
def test_an_old_spelling_still_works_and_names_the_new_one(old: str, new: str, run: Run, tiny_folder: Path) -> None:
    page = b"# Good cheese and good bread\n\nParis is a city. It is old."
    arguments = ("prune", "-q", "where?", "--model", tiny_folder, "--max-tokens", 8, "--threshold", 0)
    done = run(*arguments, old, stdin=page)
    assert done.err.startswith(f"provence: {old} is deprecated. Use {new}.\n")
    assert done.out == run(*arguments, new, stdin=page).out
    other = {"--keep-headings": "--no-keep-headings"}.get(new, "--keep-headings")
    assert done.out != run(*arguments, other, stdin=page).out


@dataclass(frozen=True, kw_only=True)
class Fruit:
    """A group of options."""

    apples: int = 1
    pears: Annotated[int, typer.Option("--pears")] = 2


def test_a_group_of_options_becomes_single_parameters_and_is_built_from_them() -> None:
    seen: list[object] = []

    def command(name: str, fruit: Fruit, loud: bool = False) -> None:
        seen.append((name, fruit, loud))

    flat = flatten_options(command)
    assert list(inspect.signature(flat).parameters) == ["name", "apples", "pears", "loud"]
    flat(name="x", apples=3, pears=4, loud=True)
    assert seen == [("x", Fruit(apples=3, pears=4), True)]


def test_a_command_without_groups_keeps_its_parameters() -> None:
    def command(name: str, loud: bool = False) -> None: ...

    assert list(inspect.signature(flatten_options(command)).parameters) == ["name", "loud"]
