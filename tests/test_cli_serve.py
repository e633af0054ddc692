"""The verb `serve`: what is refused before anything is served."""

import socket
import sys

import pytest
from typer.testing import CliRunner

from prepose.cli_serve import serve_app
from prepose.errors import DataError


def refused(*words):
    done = CliRunner().invoke(serve_app, [str(word) for word in words])
    assert isinstance(done.exception, DataError), done.output
    return str(done.exception)


def test_a_mistyped_network_is_refused():
    assert "lite0-synthetic" in refused("lite0-syntetic", "--port", 0)


def test_a_port_in_use_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "choose another --port" in refused("--port", taken.getsockname()[1])


def test_without_gradio_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "pip install 'prepose[serve]'" in refused("--port", 0)


@pytest.mark.parametrize("words", [("--port", "70000"), ("--max-frames", "0"), ("--max-mb", "0")])
def test_bounds_that_bound_nothing_are_refused(words):
    assert CliRunner().invoke(serve_app, list(words)).exit_code == 2
