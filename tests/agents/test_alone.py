"""The real clients' proof: there is no network but loopback."""

from __future__ import annotations

import os
import socket
import urllib.parse

import pytest


def test_there_is_no_network_but_loopback() -> None:
    alone = os.environ.get("ALONE")
    assert alone, "run `make test-agents`"
    if alone == "namespace":
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
        return
    address = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), 5)
