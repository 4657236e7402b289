"""Decide which results of tools are pruned, by one rule that callers can inspect and override.

A result is pruned if it carries documents, search-like records or long prose, and its tool is not
one whose results must be complete. `tools` prunes the results of the named tools whatever they look
like, `exclude_tools` keeps those of the named tools. Results that are shorter than `min_tokens` are
always kept.
"""

import logging
from collections.abc import Collection, Sequence

from provence_plugins.integrations.notices import warn_once
from provence_plugins.integrations.tool_results import ResultText

COMPLETE_TOOLS = frozenset(
    {
        # files
        "ls", "glob", "grep", "cat", "read", "read_file", "read_files", "read_text_file", "view", "view_file",
        "open_file", "list_directory", "list_dir", "directory_tree", "file_search", "search_files", "write_file",
        "edit_file", "str_replace", "apply_patch", "str_replace_editor", "str_replace_based_edit_tool",
        # programs
        "bash", "shell", "terminal", "execute", "exec", "run_command", "run_shell_command", "python", "python_repl",
        "python_repl_ast", "code_interpreter", "sql_db_query", "sql_db_schema", "sql_db_list_tables",
        # other agents and the agent's own notes
        "task", "write_todos", "read_todos", "recall", "load_skill", "read_skill",
    }
)  # fmt: skip
"""Names of tools whose results an agent works on to the character; they are kept by default."""

MIN_TOKENS = 100
"""Default size from which results are pruned: numbers, dates and short messages are shorter."""

# The usual estimate of four characters, in bytes: it also holds for scripts in which one character
# is a token.
_BYTES_PER_TOKEN = 4

_MUST_BE_COMPLETE = "results of this tool must be complete (COMPLETE_TOOLS)"
_NOTHING_TO_READ = "it holds no documents, records or prose"

_ADVICE = "To prune them, name the tool in tools=[...]; to silence this, name it in exclude_tools=[...]."

logger = logging.getLogger(__name__)


def log_kept(tool: str, reason: str) -> None:
    """Log why a result is kept as it is; warn once if only the rule of this module keeps it."""
    logger.debug("The result of the tool %r is kept as it is: %s.", tool, reason)
    if reason == _NOTHING_TO_READ:
        warn_once(f"Results of the tool {tool!r} are kept as they are: {reason}. {_ADVICE}")
    if reason == _MUST_BE_COMPLETE:
        warn_once(f"Results of tools for files and programs (COMPLETE_TOOLS) are kept as they are. {_ADVICE}")


def reason_to_keep(
    tool: str,
    texts: Sequence[ResultText],
    *,
    tools: Collection[str] | None = None,
    exclude_tools: Collection[str] = (),
    min_tokens: int = 0,
) -> str | None:
    """Return why a result is kept as it is; None if it is pruned.

    Args:
        tool: Name of the tool.
        texts: The result, taken apart.
        tools: Tools whose results are pruned whatever they look like; None applies the rule to all
            tools.
        exclude_tools: Tools whose results are kept.
        min_tokens: Shorter results are kept; a token is estimated as four bytes.
    """
    if tool in exclude_tools:
        return "the tool is named in exclude_tools"
    if tools is not None and tool not in tools:
        return "the tool is not named in tools"
    if not any(text.passages for text in texts):
        return "it holds no text to prune"
    if estimate_tokens(texts) < min_tokens:
        return f"it is shorter than min_tokens={min_tokens}"
    if tools is not None:
        return None
    if tool in COMPLETE_TOOLS:
        return _MUST_BE_COMPLETE
    if all(text.shape == "other" for text in texts):
        return _NOTHING_TO_READ
    return None


def estimate_tokens(texts: Sequence[ResultText]) -> int:
    """Return the estimated number of tokens of the texts to prune."""
    size = 0
    for text in texts:
        for passage in text.passages:
            size += len(passage.text.encode("utf-8", "surrogatepass"))
    return size // _BYTES_PER_TOKEN
