import socket

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.serving.listening import Listener, shown_address


def test_a_free_port_is_found() -> None:
    with Listener(port=0).open() as listening:
        assert shown_address(listening).startswith("http://127.0.0.1:")


def test_a_port_in_use_is_named() -> None:
    with Listener(port=0).open() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInputError, match=f"127.0.0.1:{port} cannot be used: .* Choose another port"):
            Listener(port=port).open()


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_an_address_of_no_interface_is_named(host: str) -> None:
    with pytest.raises(InvalidInputError, match=host):
        Listener(host=host, port=0).open()


@pytest.mark.skipif(not socket.has_ipv6, reason="a machine without IPv6")
def test_an_address_of_ipv6_stands_in_brackets() -> None:
    try:
        listening = Listener(host="::1", port=0).open()
    except InvalidInputError:
        pytest.skip("no loopback interface of IPv6")
    with listening:
        assert shown_address(listening).startswith("http://[::1]:")
