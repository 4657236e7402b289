"""Guards: who may import whom, what the public door shows, and how little an import loads."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from rows import row

import provence_plugins

PACKAGE = Path(provence_plugins.__file__).parent
TESTS = Path(__file__).parent

# A module imports its own layer or a lower one. Modules at the top of the package are layers of their own.
LAYERS = {
    "deprecation": 0,
    "errors": 0,
    "forks": 0,
    "keywords": 1,
    "types": 2,
    "thresholds": 2,
    "threads": 2,
    "installation": 2,
    "data": 3,
    "text": 3,
    "tokens": 4,
    "model": 5,
    "engine": 6,
    "readers": 6,
    "evaluation": 7,
    "compat": 8,
    "integrations": 8,
    "labelling": 8,
    "training": 8,
    "serving": 9,
    "testing": 9,
    "cli": 10,
    "__init__": 7,
    "__main__": 11,
}

HEAVY_HOMES = {
    "torch": {
        "model/torch_backend.py",
        "model/network.py",
        "model/loading.py",
        "model/rounding.py",
        "model/saving.py",
        "model/published.py",
        "model/stock.py",
        "model/export.py",
        "evaluation/methods/language_models.py",
        "readers/hf_reader.py",
        "training/acceleration.py",
        "training/bases.py",
        "training/batches.py",
        "training/finishing.py",
        "training/loop.py",
        "training/losses.py",
        "training/objective.py",
        "training/optimizer.py",
        "training/scaling.py",
        "training/soft_labels.py",
    },
    "transformers": {
        "model/encoders.py",
        "model/loading.py",
        "model/network.py",
        "model/published.py",
        "model/stock.py",
        "model/export.py",
        "evaluation/methods/third_party.py",
        "readers/hf_reader.py",
        "training/acceleration.py",
        "training/bases.py",
        "training/soft_labels.py",
    },
    "onnxruntime": {"model/onnx_backend.py", "model/quantization.py"},
    "sentence_transformers": {"evaluation/methods/encoders.py"},
    "langchain_core": {
        "evaluation/methods/langchain.py",
        "integrations/langchain.py",
        "integrations/langchain_agents.py",
        "integrations/langchain_cross_encoder.py",
        "integrations/langchain_recall.py",
        "integrations/langchain_results.py",
        "integrations/langchain_runs.py",
        "integrations/langchain_tool_fields.py",
    },
    "httpx": {"readers/openai_reader.py"},
    "xllamacpp": {"readers/gguf_reader.py"},
    "langchain": {"integrations/langchain_agents.py"},
    "langgraph": {
        "integrations/langchain_agents.py",
        "integrations/langchain_recall.py",
        "integrations/langchain_results.py",
        "integrations/langchain_tool_fields.py",
    },
    "haystack": {"integrations/haystack.py", "integrations/haystack_agents.py", "integrations/haystack_storage.py"},
    "llama_index": {"evaluation/methods/llama_index.py", "integrations/llama_index.py"},
    "llmlingua": {"evaluation/methods/third_party.py"},
    "mcp": {"serving/mcp_server.py", "serving/mcp_http.py"},
    "mcp_types": {"serving/mcp_server.py"},
    "matplotlib": {"evaluation/reporting/plots.py", "training/progress.py"},
    "pandas": {"engine/dataframes.py"},
    "pyarrow": {"cli/bulk_parquet.py", "cli/bulk_parquet_output.py", "cli/bulk_ray.py"},
    "ray": {"cli/bulk_ray.py", "serving/ray_serve.py"},
    "tiktoken": {"engine/budgets.py"},
    "fastapi": {
        "serving/admission.py",
        "serving/app.py",
        "serving/failures.py",
        "serving/page_routes.py",
        "serving/prune_route.py",
        "serving/ray_serve.py",
        "serving/reading.py",
        "serving/rerank_routes.py",
        "serving/service.py",
        "serving/status_routes.py",
    },
    "prometheus_client": {"serving/metrics.py"},
    "uvicorn": {"serving/listening.py", "serving/mcp_http.py", "serving/server.py"},
    "pytest": {"testing/__init__.py", "testing/contract.py"},
}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(module: str) -> str:
    """The first name below the package, for example "engine" of provence_plugins.engine.pruner."""
    return [*module.split("."), "__init__"][1]


@cache
def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def imported_layers(path: Path) -> Iterator[str]:
    """Yield the layers of this package that a module imports."""
    for module in imported_modules(path):
        if module.split(".")[0] == "provence_plugins":
            yield layer_of(module)


def test_a_module_imports_its_own_layer_or_a_lower_one() -> None:
    wrong = []
    for path in sources():
        module = path.relative_to(PACKAGE)
        own = module.parts[0].removesuffix(".py")
        for other in imported_layers(path):
            if other != own and LAYERS[other] >= LAYERS[own]:
                wrong.append(f"{module} imports {other}")
    assert wrong == []


def test_heavy_libraries_are_imported_only_where_they_belong() -> None:
    for library in HEAVY_HOMES:
        with row(library):
            users = {
                str(path.relative_to(PACKAGE))
                for path in sources()
                if any(module.split(".")[0] == library for module in imported_modules(path))
            }
            assert users <= HEAVY_HOMES[library]


def test_the_public_names_are_those_that_are_agreed() -> None:
    assert set(provence_plugins.__all__) == {
        "CacheStats",
        "Calibration",
        "DirectScorer",
        "Passage",
        "ProvenceError",
        "PruneRequest",
        "PruneResult",
        "PruneStats",
        "PrunedPassage",
        "Pruner",
        "PruningPolicy",
        "RankedPassage",
        "ScoredSentence",
        "Sentence",
        "SharedScorer",
        "Span",
        "__version__",
    }
    for name in provence_plugins.__all__:
        assert getattr(provence_plugins, name) is not None


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Prunner'"):
        provence_plugins.Prunner  # noqa: B018


def test_a_former_name_still_works_and_names_the_new_one() -> None:
    with pytest.warns(DeprecationWarning, match="CacheStats"):
        assert provence_plugins.CacheStatistics is provence_plugins.CacheStats


def test_the_version_is_that_of_the_changelog() -> None:
    changelog = (PACKAGE.parent / "docs" / "changelog.md").read_text(encoding="utf-8")
    assert f"## {provence_plugins.__version__}" in changelog


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ["torch", "pandas", "onnxruntime", "transformers", "langchain_core", "llama_index", "numpy", "tokenizers"]
    code = f"import provence_plugins, sys; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_neither_pruning_nor_the_contract_of_the_adapters_loads_torch_a_framework_or_a_client_for_the_network() -> None:
    unused = ["torch", "transformers", "nltk", "pandas", "huggingface_hub", "httpx", "requests"]
    frameworks = ["langchain", "langchain_core", "langgraph", "llama_index", "pydantic", "torch"]
    code = (
        "import sys\n"
        "from provence_plugins import Pruner\n"
        "with Pruner() as pruner: pruner.prune('Who?', ['Somebody did it.'])\n"
        f"print([name for name in {unused} if name in sys.modules])\n"
        "import provence_plugins.testing\n"
        f"print([name for name in {frameworks} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


def test_the_picture_of_the_rooms_is_that_of_the_layers() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("| room, from the top |")[1].split("\n\n")[0]
    drawn = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:]]
    rooms = {room: layer for room, layer in LAYERS.items() if not room.startswith("__")}
    layers = [
        sorted(room for room in rooms if rooms[room] == layer) for layer in sorted({*rooms.values()}, reverse=True)
    ]
    assert drawn == layers


# A module is tested by the file of its name: tests/tokens/test_windows.py tests tokens/windows.py. These are tested in
# another file, because they have one reason to change with it.
TESTED_ELSEWHERE = {
    "cli/bulk_output.py": "cli/test_bulk_files.py",
    "cli/bulk_parquet_output.py": "cli/test_bulk_parquet.py",
    "cli/bulk_tally.py": "cli/test_bulk.py",
    "cli/label_lines.py": "cli/test_label.py",
    "cli/progress.py": "cli/test_evaluate.py",
    "engine/direct_scorer.py": "engine/test_scoring.py",
    "engine/shared_scorer.py": "engine/test_scoring.py",
    "evaluation/reading/outcome.py": "evaluation/reading/test_report.py",
    "evaluation/reading/prompts.py": "evaluation/reading/test_asking.py",
    "evaluation/reporting/plots.py": "evaluation/test_experiment.py",
    "evaluation/reporting/tables.py": "evaluation/test_experiment.py",
    "evaluation/summary.py": "evaluation/test_measure.py",
    "integrations/conversations.py": "integrations/test_messages.py",
    "integrations/haystack_storage.py": "integrations/test_haystack.py",
    "integrations/embedded_documents.py": "integrations/test_reading.py",
    "integrations/embedded_values.py": "integrations/test_reading.py",
    "integrations/labelled_records.py": "integrations/test_reading.py",
    "integrations/langchain_recall.py": "integrations/test_langchain_in_agents.py",
    "integrations/langchain_runs.py": "integrations/test_langchain_in_chains.py",
    "integrations/langchain_tool_fields.py": "integrations/test_langchain_agents.py",
    "integrations/message_texts.py": "integrations/test_content_blocks.py",
    "integrations/metadata.py": "integrations/test_langchain.py",
    "integrations/notices.py": "integrations/test_langchain_results.py",
    "integrations/policy_fields.py": "integrations/test_fields.py",
    "integrations/prose.py": "integrations/test_reading.py",
    "integrations/tool_results.py": "integrations/test_reading.py",
    "model/backend.py": "model/test_backends.py",
    "model/encoders.py": "model/test_families.py",
    "model/formats.py": "published/test_checkpoints.py",
    "model/published.py": "published/test_checkpoints.py",
    "model/replicated_backend.py": "model/test_torch_backend.py",
    "model/stock.py": "published/test_checkpoints.py",
    "model/weights.py": "model/test_folder.py",
    "serving/page_files.py": "serving/test_page_routes.py",
    "serving/rerank_bodies.py": "serving/test_rerank_routes.py",
    "serving/service.py": "serving/test_prune_route.py",
    "serving/writing.py": "serving/test_prune_route.py",
    "testing/backends.py": "integrations/test_same_text.py",
    "testing/adapter_hooks.py": "integrations/test_langchain.py",
    "testing/contract.py": "integrations/test_langchain.py",
    "engine/plain_values.py": "engine/test_results.py",
    "text/answers.py": "text/test_ties.py",
    "text/code.py": "text/test_units.py",
    "text/definitions.py": "text/test_units.py",
    "text/heads.py": "text/test_units.py",
    "text/html.py": "text/test_units.py",
    "text/items.py": "text/test_units.py",
    "text/lines.py": "text/test_units.py",
    "text/outline.py": "text/test_units.py",
    "text/paragraphs.py": "text/test_units.py",
    "text/parts.py": "text/test_ties.py",
    "text/prose.py": "text/test_units.py",
    "text/punkt.py": "text/test_sentences.py",
    "text/records.py": "text/test_units.py",
    "text/short_lines.py": "text/test_units.py",
    "text/spaced_tables.py": "text/test_units.py",
    "text/tables.py": "text/test_units.py",
    "text/titles.py": "text/test_units.py",
    "text/transcripts.py": "text/test_units.py",
    "training/finishing.py": "training/test_loop.py",
    "training/objective.py": "training/test_losses.py",
    "training/optimizer.py": "training/test_loop.py",
}


def test_a_module_has_a_test_where_one_looks_for_it() -> None:
    missing = []
    for path in sources():
        module = path.relative_to(PACKAGE)
        mirror = module.parent / f"test_{module.name}"
        if not module.name.startswith("__") and not (TESTS / TESTED_ELSEWHERE.get(str(module), str(mirror))).is_file():
            missing.append(f"tests/{mirror}")
    assert not missing, "write these files, or say in TESTED_ELSEWHERE which file tests the module"


def test_the_list_of_modules_that_are_tested_elsewhere_is_up_to_date() -> None:
    needless = [
        module
        for module in TESTED_ELSEWHERE
        if not (PACKAGE / module).is_file() or (TESTS / module).with_name(f"test_{Path(module).name}").is_file()
    ]
    assert needless == []


def test_the_modules_that_the_page_of_the_architecture_names_exist() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+(?:/\w+)*/\w+\.py)`", page)) - set(
        re.findall(r"`((?:tests|benchmarks|examples)/[\w/.]+)`", page)
    )
    assert [name for name in sorted(named) if not (PACKAGE / name).is_file()] == []
