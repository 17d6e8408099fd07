"""The server extension: Jupyter finds it, and a connection made through it sends small messages at once."""

import socket
import subprocess
import sys

from tornado.testing import AsyncHTTPTestCase, gen_test
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from cnnlab.server import _jupyter_server_extension_points, _load_jupyter_server_extension, undelayed


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


def test_jupyter_finds_the_extension_and_can_load_it():
    command = [sys.executable, "-m", "jupyter", "server", "extension", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    told = done.stdout + done.stderr
    assert "cnnlab.server" in told
    line = told[told.index("cnnlab.server") :].splitlines()[0]
    assert "enabled" in line, told


def test_whatever_connection_is_configured_is_kept():
    class Server:
        class web_app:  # noqa: N801
            settings = {"kernel_websocket_connection_class": Connection}  # noqa: RUF012

    _load_jupyter_server_extension(Server)
    assert issubclass(Server.web_app.settings["kernel_websocket_connection_class"], Connection)
    assert _jupyter_server_extension_points() == [{"module": "cnnlab.server"}]
