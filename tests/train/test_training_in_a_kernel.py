"""Training in a real kernel: the stop button, and what a page gets to see."""

import time

import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.slow  # a kernel starts and trains

START = """
import torch
from cnnlab import models
from cnnlab.data import FashionMNIST
from cnnlab.train import fit
from tests.conftest import blobs

data = FashionMNIST(blobs(5000, 1), blobs(100, 2, "valid"), blobs(100, 3, "test"), source="drawn")
model = models.build("lenet")
before = model.fc3.weight.detach().clone()
"""


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    run(client, START)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, code: str, interrupt=None) -> list[dict]:
    """The messages of one cell; with `interrupt`, it is called once the first epoch is through."""
    asked = client.execute(code)
    messages = []
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != asked:
            continue
        messages.append(message)
        if interrupt and message["msg_type"] == "comm_msg" and "1 of 500 epochs" in str(message["content"]):
            interrupt()
            interrupt = None
        assert message["msg_type"] != "error", message["content"]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return messages


def printed(messages: list[dict]) -> str:
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


def test_the_stop_button_returns_what_was_learned(kernel):
    manager, client = kernel
    started = time.monotonic()
    run(client, "history = fit(model, data, epochs=500, lr=0.1, batch_size=50)", interrupt=manager.interrupt_kernel)
    assert time.monotonic() - started < 60
    said = printed(run(client, "print(history.stopped, len(history), bool((model.fc3.weight != before).any()))"))
    words = said.split()
    assert words[:3] == ["interrupted", "in", "epoch"]
    assert int(words[3]) == int(words[4]) + 1
    assert words[5] == "True"


def test_one_widget_and_no_output_that_nbval_could_not_compare(kernel):
    _, client = kernel
    messages = run(client, "_ = fit(model, data, epochs=1, lr=0.1)")
    kinds = {message["msg_type"] for message in messages}
    assert kinds <= {"status", "execute_input", "comm_open", "comm_msg", "display_data"}
    (shown,) = [message["content"]["data"] for message in messages if message["msg_type"] == "display_data"]
    assert shown["text/plain"] == "live curve, drawn here while the cell runs"
    pictures = [message for message in messages if "<svg" in str(message["content"])]
    assert len(pictures) >= 2  # it moved


def test_progress_can_be_switched_off(kernel):
    _, client = kernel
    messages = run(client, "_ = fit(model, data, epochs=1, lr=0.1, progress=False)")
    assert {message["msg_type"] for message in messages} == {"status", "execute_input"}


def test_a_notice_is_a_line_without_a_text_that_other_machines_lack(kernel):
    _, client = kernel
    messages = run(client, "from cnnlab.data import archives; archives.tell('<b>images</b> are missing')")
    (shown,) = (m["content"]["data"] for m in messages if m["msg_type"] == "display_data")
    assert list(shown) == ["application/vnd.jupyter.widget-view+json"]
    made = [m["content"] for m in messages if m["msg_type"] == "comm_open"]
    assert "&lt;b&gt;images&lt;/b&gt; are missing" in str(made)
    assert not [m for m in messages if m["msg_type"] == "stream"]
