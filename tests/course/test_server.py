"""The server extension: Jupyter finds it, and a connection made through it sends small messages at once."""

import json
import os
import socket
import subprocess
import sys
import urllib.request

import pytest
from tornado.testing import AsyncHTTPTestCase, gen_test
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from cnnlab.course import lab
from cnnlab.course.server import _jupyter_server_extension_points, _load_jupyter_server_extension, undelayed
from tests.jupyterlab import free_port, wait_for


class Connection:
    """What Jupyter hands a websocket to; answers whether the socket waits to fill its packets."""

    def __init__(self, handler):
        self.websocket_handler = handler

    def connect(self):
        wire = self.websocket_handler.ws_connection.stream.socket
        return bool(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


class Handler(WebSocketHandler):
    def initialize(self, connection):
        self.connection = connection

    def open(self):
        self.write_message(str(self.connection(self).connect()))


class TestConnection(AsyncHTTPTestCase):
    def get_app(self):
        kinds = {"plain": Connection, "undelayed": undelayed(Connection)}
        return Application([(f"/{name}", Handler, {"connection": kind}) for name, kind in kinds.items()])

    @gen_test
    async def test_it_sets_nodelay_and_jupyter_alone_does_not(self):
        said = {}
        for name in ("plain", "undelayed"):
            client = await websocket_connect(f"ws://127.0.0.1:{self.get_http_port()}/{name}")
            said[name] = await client.read_message()
        assert said == {"plain": "False", "undelayed": "True"}


@pytest.mark.slow
def test_the_courses_start_brings_its_settings_and_its_extension(tmp_path):
    """A real server, started by `python -m cnnlab lab`, until it answers."""
    port = free_port()
    flags = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token="]
    command = [sys.executable, "-m", "cnnlab", "lab", *flags]
    own = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    log = tmp_path / "log"
    with (
        log.open("w") as told,
        subprocess.Popen(command, cwd=tmp_path, env=os.environ | own, stdout=told, stderr=told) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            plugin = "@jupyter-widgets/jupyterlab-manager:plugin"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/lab/api/settings/{plugin}", timeout=10) as answer:
                saved = json.load(answer)["schema"]["properties"]["saveState"]["default"]
        finally:
            process.terminate()
    assert saved is True
    assert "cnnlab.course.server | extension was successfully loaded" in log.read_text()


def test_settings_that_are_named_already_come_after_the_courses():
    paths = lab.with_settings({"JUPYTER_CONFIG_PATH": "/elsewhere", "A": "b"})
    assert paths["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [str(lab.CONFIG), "/elsewhere"]
    assert paths["A"] == "b"
    assert lab.with_settings({})["JUPYTER_CONFIG_PATH"] == str(lab.CONFIG)


def test_whatever_connection_is_configured_is_kept():
    class Server:
        class web_app:  # noqa: N801
            settings = {"kernel_websocket_connection_class": Connection}  # noqa: RUF012

    _load_jupyter_server_extension(Server)
    assert issubclass(Server.web_app.settings["kernel_websocket_connection_class"], Connection)
    assert _jupyter_server_extension_points() == [{"module": "cnnlab.course.server"}]
