"""An extension of Jupyter's server, in a JupyterLab that the course starts: small messages of a kernel go out at once.

A slider's answer is a handful of small messages. The operating system holds the second of them back until the browser
has acknowledged the first, and the browser takes its time with that: about 40 ms a move, more than all the drawing.
"""

from __future__ import annotations


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "cnnlab.course.server"}]


def _load_jupyter_server_extension(server: object) -> None:
    settings = server.web_app.settings
    settings["kernel_websocket_connection_class"] = undelayed(settings["kernel_websocket_connection_class"])


def undelayed(connection: type) -> type:
    """The same kind of connection between a browser and a kernel, with TCP_NODELAY set."""

    class Undelayed(connection):
        def connect(self) -> object:
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return Undelayed
