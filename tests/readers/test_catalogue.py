import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.readers.catalogue import open_reader


@pytest.mark.parametrize("spec", ["", "gguf", "gguf:", "llama:model.gguf", "model.gguf"])
def test_an_unknown_reader_is_refused_with_the_ones_that_there_are(spec: str) -> None:
    with pytest.raises(InvalidInputError, match="gguf:PATH, hf:FOLDER, openai:URL#MODEL"):
        open_reader(spec)


def test_a_server_is_opened_by_its_address() -> None:
    reader = open_reader("openai:http://127.0.0.1:9/v1#tiny")
    assert reader.name == "tiny"
    reader.close()


def test_a_path_may_lie_inside_an_installed_package() -> None:
    with pytest.raises(InvalidInputError, match="not installed"):
        open_reader("gguf:package:no_such_package/model.gguf")
