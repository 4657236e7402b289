"""Guards for the language that people read: docstrings, errors, help texts and pages."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import provence_plugins

PACKAGE = Path(provence_plugins.__file__).parent
ROOT = PACKAGE.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "examples" / "README.md"]
PAGES += [PACKAGE / "model" / "bundled" / "README.md", *sorted((ROOT / "recipes").glob("*.toml"))]
PAGES += sorted((ROOT / "recipes").glob("*/README.md"))
PAGES += [PACKAGE / "serving" / "page" / "index.html", PACKAGE / "serving" / "page" / "page.js"]
for folder in ("docs", "packages", "benchmarks/text"):
    PAGES += sorted((ROOT / folder).rglob("*.md"))

# A docstring of a function says what it does: "Return the kept text", not "What is left" or "The kept text".
NOT_A_VERB = re.compile(
    r"(?:What|How|Whether|Where|Which|When|Why|Who|Whose|The|A|An|All|Each|Every|Same|One|If|In)\b"
    r"|(?:Number|Share|Token)s? (?:of|by)\b|Tell (?:that|whether)\b"
)

SOURCES = sorted(PACKAGE.rglob("*.py"))
for folder in ("benchmarks", "docker", "examples", "packages"):
    SOURCES += sorted((ROOT / folder).rglob("*.py"))

# Forms that a reader whose first language is not English stumbles over, each with what to write.
UNCLEAR = {
    r"\bcannot be[.,;]": "say what is allowed instead of 'cannot be'",
    # "There is no" and "is no longer" are plain; "is no string" is not.
    r"(?<!here )\b(?:is|are) no (?!(?:longer|more|need|fault|room|place|code|text)\b)[a-z]": "'is not a'",
    r"\bof which nothing\b": "'in which no sentence reaches the threshold'",
    r"\bleft out, (?:what|the|all|none)\b": "'[default: …]'",
    r"\bwhat suits\b": "'[default: auto]'",
    r"\bhas it so\b": "say who decides it",
    r"\blikeness\b": "'similarity'",
    r"\bwritten down\b": "'serialized' or 'saved'",
    r"\b[Hh]ub id\b": "'repo id'",
    r"\band leave[.]": "'and exit.'",
    r"\bcould not be had\b": "'could not be downloaded', 'was not found'",
    r"\bpasses through\b": "'is returned unchanged'",
    r"\bworked out anew\b": "'computed again'",
    r"\bthrown away\b": "'discarded'",
    r"\bgoes on from\b": "'continues from'",
    r"\banew\b": "'again'",
    r"\bfor ever\b": "'forever'",
    r"(?<!not )\bbut for\b": "'except'",
    r"\bfor company\b": "'for others to share its batch'",
    r"\bas [\w' ]{1,40} ha(?:s|ve) it\b": "'as in'",
    r"\b(?:at most|at least|after|with|to|within) so many\b": "'this many'",
    r"\bof like (?:lengths|size)": "'of similar lengths'",
    r"\btold (?:by|from) (?!its? )": "'detected from', 'distinguished from'",
    r"\blies in (?:the package|it)\b": "'ships in the package'",
    r"\bpacked (?:with gzip|if)\b": "'compressed'",
    r"\bstands? over (?:it|the)\b": "'overrides'",
    r"\bof (?:any|every|other|the same) make\b": "'of any kind', 'of the same form'",
    r"\b(?:space|stop|characters?|tokens?|words?|lines?|cut|ends?|continues?) behind\b": "'after'",
    r"\band perhaps (?!a\b|the\b)": "'and optionally'",
    r"\bcould be had\b": "'was available'",
    r"\bfurther in\b": "'indented'",
    r"\bbears?\b": "'has'",
    r"\bbeside `": "'in addition to'",
    r"\bbehind (?:a |an |the )?(?:colon|comma|dash|full stop|list|number|these|blank lines)": "'after'",
    r"\bheld? apart\b|\bhold(?:s)? (?:no )?columns apart\b": "'separated'",
    r"\bgo(?:es)? on (?:with|behind|in)\b": "'continues'",
    r"\bbe told from\b|\bnot told\b": "'distinguished from', 'unknown'",
    r"\b(?:was|is) said (?:once|by)\b|\bnobody said\b": "'is logged', 'was given'",
    r"\bless (?:the second|full|1)\b": "'minus'",
    r"\b(?:lines|questions|integers|passages|them) of which\b": "'in which', 'for which'",
    r"\bwhat (?:is|was) left(?! out)": "'the rest', 'the kept text'",
    r"\bbrings a model\b": "'provides a model'",
    r"\bcomes? again\b": "'occurs again'",
    r"\btells? it by\b": "'detects it by'",
    r"\bto the brim\b": "'completely'",
    r"\banswers? survives?\b": "'is kept'",
    r"\bnothing tells\b": "'it is unknown'",
    r"\bknows no \w+s\b": "'does not use …'",
    r"\bthis needs\b": "'the package … is not installed', 'the adapter needs …'",
    r"\btakes? (?:\w+ ){0,3}down\b": "'record'",
}
# Searched first, because hardly a line has any of them.
ANY_UNCLEAR = re.compile("|".join(UNCLEAR))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return every node of a module; walking takes as long as parsing."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def docstrings(path: Path) -> Iterator[tuple[ast.AST, str]]:
    for node in nodes(path):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node, text


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether the docstring describes a value, which may begin with a noun."""
    names = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any("property" in name for name in names)


def test_a_docstring_of_a_function_begins_with_a_verb() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {text.splitlines()[0]}"
        for path in SOURCES
        for node, text in docstrings(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(node) and NOT_A_VERB.match(text)
    ]
    assert not wrong, "begin with what the function does, as in 'Return …':\n" + "\n".join(wrong)


def test_what_the_code_says_is_in_plain_words() -> None:
    assert [fault for path in SOURCES for fault in unclear(path, texts_in(path))] == []


def test_a_page_is_in_plain_words() -> None:
    assert [fault for path in PAGES for fault in unclear(path, lines_in(path))] == []


def test_an_error_names_arguments_without_backticks_and_sets_off_what_was_given() -> None:
    """A terminal renders no Markdown; after a list of what is allowed, a comma would not set off what was given."""
    wrong = []
    for path in SOURCES:
        for line, text in errors_in(path):
            if "`" in text or re.search(r", got\b", text):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {text!r}")
    assert not wrong, "write 'threshold must be …; got …':\n" + "\n".join(wrong)


def errors_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that are raised, and those that say what a value must be, with their lines."""
    described = {text for _, text in docstrings(path)}
    raised = set()
    for statement in nodes(path):
        if isinstance(statement, ast.Raise):
            raised.update(map(id, ast.walk(statement)))
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_rule = " must be " in node.value and inspect.cleandoc(node.value) not in described
            if id(node) in raised or is_rule:
                yield node.lineno, node.value


def texts_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module with their lines, on which several may begin: the parts of an f-string do."""
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def lines_in(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def unclear(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    for number, line in lines:
        line = " ".join(line.split())
        for form, better in UNCLEAR.items() if ANY_UNCLEAR.search(line) else ():
            found = re.search(form, line)
            if found:
                yield f"{path.relative_to(ROOT)}:{number}: {found[0]!r}: {better}"
