import pytest

from provence_plugins.installation import count_processors
from provence_plugins.serving.settings import ServeSettings
from provence_plugins.serving.workers import settings_of_worker


def test_workers_share_the_processors() -> None:
    options = settings_of_worker(ServeSettings(), 0, 2).options
    assert options["threads"] == max(1, count_processors() // 2)
    assert settings_of_worker(ServeSettings(options={"threads": 5}), 1, 2).options["threads"] == 5


@pytest.mark.parametrize(("number", "device"), [(0, "cuda:0"), (1, "cuda:1"), (2, "cuda:0")])
def test_each_worker_has_a_device_of_its_own(number: int, device: str) -> None:
    settings = ServeSettings(options={"device": "cuda:0, cuda:1"})
    assert settings_of_worker(settings, number, 3).options["device"] == device
    assert settings.options["device"] == "cuda:0, cuda:1"


def test_a_single_device_is_shared() -> None:
    assert settings_of_worker(ServeSettings(options={"device": "cpu"}), 1, 2).options["device"] == "cpu"
