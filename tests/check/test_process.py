"""The process that answers run in: nothing global judges, nothing is left changed, what cannot be trusted is said."""

import random
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import nn
from torch.nn import functional as F

from cnnlab import check
from cnnlab.check.frame import calling, cells, process, progress
from cnnlab.check.frame.calling import Clock, Runner, settled
from cnnlab.check.frame.showing import Foreign
from cnnlab.check.frame.verdict import Wrong


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "user_data_path", lambda name: tmp_path / name)


def right(n, k, s, p, d):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def same_conv(X, K):
    return F.conv2d(X[None, None], K[None, None], padding="same")[0, 0]


# ---- global switches -------------------------------------------------------------------------------------------------

SWITCHES = {
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "grad mode": lambda: torch.set_grad_enabled(False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "device": lambda: torch.set_default_device("meta"),
    "matrix products": lambda: torch.set_float32_matmul_precision("medium"),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "recursion": lambda: sys.setrecursionlimit(5_000),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
}


def switches():
    return (
        torch.get_default_dtype(), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(),
        torch.get_default_device(), torch.get_float32_matmul_precision(), torch.is_anomaly_enabled(),
        sys.getrecursionlimit(), torch.get_num_threads(),
    )  # fmt: skip


@pytest.fixture
def as_before():
    recursion, threads = sys.getrecursionlimit(), torch.get_num_threads()
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(False)
    torch.set_default_device(None)
    torch.set_float32_matmul_precision("highest")
    torch.autograd.set_detect_anomaly(False)
    sys.setrecursionlimit(recursion)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
def test_a_switch_that_the_notebook_set_does_not_judge_and_stays(switch, as_before):
    usual = switches()
    switch()
    set_ = switches()
    assert set_ != usual
    assert check.padding.even_same(same_conv).right
    assert check.convolution.loop_gradient(
        lambda X, K: F.conv2d(X[None, None], K[None, None])[0, 0],
        lambda X, K, G: torch.autograd.grad(
            F.conv2d((x := X.clone().requires_grad_())[None, None], (k := K.clone().requires_grad_())[None, None])[
                0, 0
            ],
            (x, k),
            G,
        ),
    ).right
    assert switches() == set_


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
def test_a_switch_that_an_answer_sets_is_given_back(switch, as_before):
    usual = switches()

    def answer(X, K):
        switch()
        return same_conv(X, K)

    check.padding.even_same(answer)
    assert switches() == usual


def test_every_generator_is_where_it_was():
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    check.padding.out_size(lambda *a: random.random() + np.random.rand() + torch.rand(1))
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == states


# ---- a process that cannot be trusted --------------------------------------------------------------------------------


def test_a_replaced_function_is_named(monkeypatch):
    assert process.poisoned() == ""
    names = {"__name__": "__main__"}
    exec("def conv2d(*args, **kwargs):\n    return 0", names)
    monkeypatch.setattr(F, "conv2d", names["conv2d"])
    verdict = check.padding.out_size(right)
    assert verdict.state == "wrong"
    assert "torch.nn.functional.conv2d is no longer the library's own" in verdict.sentence
    assert "restart the kernel" in verdict.sentence
    monkeypatch.setattr(F, "conv2d", torch.relu)
    assert "conv2d" in process.replaced()


def test_a_function_that_the_answer_itself_replaces_is_named(monkeypatch):
    monkeypatch.setattr(torch, "equal", torch.equal)  # given back at the end

    def answer(*args):
        torch.equal = torch.allclose
        return right(*args)

    assert "torch.equal is no longer" in check.padding.out_size(answer).sentence


def test_a_recursion_limit_that_stops_pytorch_is_named(monkeypatch):
    monkeypatch.setattr(sys, "getrecursionlimit", lambda: 90)
    assert "The recursion limit is 90" in check.padding.out_size(right).sentence


# ---- what an answer's own classes do ---------------------------------------------------------------------------------


class Endless:
    """Never done, whatever is asked of it."""

    def _loop(self, *args):
        while True:
            pass

    __repr__ = __str__ = __iter__ = __len__ = __eq__ = __hash__ = __bool__ = __float__ = _loop


class Text(str):
    __eq__ = __hash__ = Endless._loop


def counts_for_ever():
    while True:
        yield 1


class Raising:
    def __repr__(self):
        raise ValueError("no text")


HOSTILE = {
    "repr": Endless, "in a list": lambda: [Endless()], "text": lambda: Text("higher"), "generator": counts_for_ever,
    "raising": Raising, "in a dict": lambda: {"a": Endless()},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_an_answer_is_made_of_runs_within_the_limit(make, monkeypatch):
    monkeypatch.setattr(calling, "slowness", lambda: 1.0)
    for exercise, answers in {
        check.padding.out_size: [lambda *a: make()],
        check.padding.to_56: [make],
        check.vgg.smaller_input: [make(), 1, 1],
        check.pooling.max_or_average: [make, make, make()],
        check.channels.compose: [make, make(), make()],
    }.items():
        monkeypatch.setattr(exercise, "seconds", 0.3)
        started = time.monotonic()
        assert exercise(*answers).state == "wrong"
        assert time.monotonic() - started < 8


class Tracing:
    """A coverage tool in pure Python: it takes its lock and gives it back without a `finally`, as coverage.py does."""

    __module__ = "measuring.lines"

    def __init__(self):
        self.lock = threading.Lock()
        # The function that holds the lock stands in the tool's own module, as the frames of a real one do.
        held = {"__name__": self.__module__, "lock": self.lock}
        exec("def hold():\n    lock.acquire()\n    for _ in range(1_000):\n        pass\n    lock.release()", held)
        self.hold = held["hold"]

    def __call__(self, frame, event, value):
        if event == "line" and frame.f_code is counts_slowly.__code__:
            self.hold()
        return self


def counts_slowly(*_):
    while True:
        pass


@pytest.mark.slow
def test_a_tool_that_traces_the_answer_is_not_stopped_while_it_holds_its_lock(monkeypatch):
    monkeypatch.setattr(calling, "slowness", lambda: 1.0)
    monkeypatch.setattr(check.padding.out_size, "seconds", 0.2)
    tool, before = Tracing(), sys.gettrace()
    sys.settrace(tool)
    try:
        verdict = check.padding.out_size(counts_slowly)
    finally:
        sys.settrace(before)
    assert "Nothing came back within 0.2 s" in verdict.sentence
    assert tool.lock.acquire(timeout=1)


def test_settled_values():
    assert settled(Text("a")) == "a"
    assert type(settled(Text("a"))) is str
    assert settled(x * x for x in range(3)) == [0, 1, 4]
    assert settled({1, 2}) == {1, 2}
    assert settled({"a": map(str, [1])}) == {"a": ["1"]}
    assert settled(Clock(1)) == Foreign("Clock", repr(settled(Clock(1)))) or settled(Clock(1)).kind == "Clock"
    assert settled(right) is right


# ---- time ------------------------------------------------------------------------------------------------------------


def test_waiting_for_a_busy_machine_is_no_endless_loop(monkeypatch):
    """Wall time runs away, processor time hardly moves: a machine with many others on it."""
    clock = Clock(1.0)
    clock.start = (0.0, 0.0, 0.0)
    monkeypatch.setattr(calling, "slowness", lambda: 1.0)
    for wall, thread, process_, over in ((9.0, 0.9, 1.8, False), (9.0, 1.1, 2.2, True), (9.0, 0.0, 0.1, True)):
        monkeypatch.setattr(clock, "_now", lambda now=(wall, thread, process_): now)
        assert clock.over() == over


def test_a_slow_machine_gets_as_much_more(monkeypatch):
    monkeypatch.setattr(calling, "slowness", lambda: 3.0)
    clock = Clock(1.0)
    clock.start = (0.0, 0.0, 0.0)
    monkeypatch.setattr(clock, "_now", lambda: (2.5, 2.5, 5.0))
    assert not clock.over()
    monkeypatch.setattr(clock, "_now", lambda: (3.5, 3.5, 7.0))
    assert clock.over()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_this_machine_is_measured_in_the_middle_of_anything(mode):
    with mode():
        assert 1 <= calling.slowness() <= calling.MOST_SLOW


def test_honest_computing_is_not_stopped_by_the_wall():
    """Half a second of sleep with a limit of 0.2 s: computing earns waiting."""

    def works():
        for _ in range(5):
            started = time.thread_time()
            while time.thread_time() - started < 0.02:
                pass
            time.sleep(0.1)
        return "done"

    assert Runner(0.2)(works) == "done"
    with pytest.raises(Wrong, match="Nothing came back"):
        Runner(0.2)(lambda: time.sleep(30))


# ---- cells that did not run ------------------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch):
    """Runs cells as a kernel does, and gives back the verdict of the last check."""
    shell = InteractiveShell()
    shell.history_manager.enabled = False
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    shell.run_cell("from cnnlab import check", store_history=True)
    yield lambda source: shell.run_cell(textwrap.dedent(source), store_history=True).result
    shell.history_manager.end_session()


OUT_SIZE = "def out_size(n, k, s, p, d):\n    return (n + 2 * p - d * (k - 1) - 1) // s + 1"
CHECK = "check.padding.out_size(out_size)"
FAILED = {
    "SyntaxError": OUT_SIZE.replace("s + 1", "s +"),
    "error before the definition": "undefined_name\n" + OUT_SIZE.replace("+ 1", "+ 2"),
    "indented wrongly": OUT_SIZE.replace("    return", "  \treturn 1\n return"),
}


@pytest.mark.parametrize("source", FAILED.values(), ids=FAILED)
def test_an_answer_of_an_earlier_run_is_found_out(notebook, source):
    notebook(OUT_SIZE)
    assert notebook(CHECK).right
    notebook(source)
    verdict = notebook(CHECK)
    assert verdict.state == "wrong"
    assert "The last cell that defines out_size did not run" in verdict.sentence
    notebook(OUT_SIZE)
    assert notebook(CHECK).right


@pytest.mark.parametrize(
    "source",
    [
        OUT_SIZE + "\nundefined_name",  # the definition ran
        "@(lambda f: f)\n" + OUT_SIZE,
        "import functools\n" + OUT_SIZE + "\nout_size = functools.lru_cache(out_size)",
        "out_size = lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s + 1",
        OUT_SIZE + "\nassert out_size(7, 3, 1, 0, 1) == 5  # out_size = 3",
        "%%time\n" + OUT_SIZE,
    ],
)
def test_an_answer_whose_cell_ran_is_judged(notebook, source):
    notebook(OUT_SIZE.replace("+ 1", "+ 2"))
    notebook(source)
    notebook("out_size(7, 3, 1, 0, 1)\nother = out_size == 3")
    assert notebook(CHECK).right


def test_a_value_of_an_earlier_run_is_found_out(notebook):
    notebook("features, parameters = 4608, 44920074\ntimes_fewer = 5.44")
    notebook("features = 5000\nparameters = 44920074\ntimes_fewer = 5.44")
    judged = "check.vgg.smaller_input(features, parameters, times_fewer)"
    assert "features is too large" in notebook(judged).sentence
    notebook("features = 4608 +\nparameters = 44920074")
    assert "The last cell that defines features did not run" in notebook(judged).sentence
    notebook("undefined_name\nfeatures = 4608")
    assert "The last cell that defines features did not run" in notebook(judged).sentence
    notebook("features = 4_608\nparameters = 44920074")
    assert "did not run" not in notebook(judged).sentence


def test_a_class_is_found_out_too(notebook):
    notebook("class A:\n    def f(self): return 1")
    notebook("undefined_name\nclass A:\n    def f(self): return 2")
    shell_says = notebook(
        "from cnnlab.check.frame import cells; cells.not_run('x.A', (A,))\n"
        "check.x.A(A) if 0 else cells.not_run('x.A', (A,))"
    )
    assert "defines A did not run" in shell_says


def test_outside_of_a_notebook_nothing_is_said():
    assert cells.not_run("padding.out_size", (right,)) == ""


def test_what_a_compiler_puts_in_place_is_no_replaced_function(monkeypatch):
    """torch.compile wraps the constructor of modules, under another name, and leaves it so."""

    def patched_init(self, *args, **kwargs):
        return original(self, *args, **kwargs)

    original = nn.Module.__init__
    patched_init.__module__ = "torch._dynamo.mutation_guard"
    monkeypatch.setattr(nn.Module, "__init__", patched_init)
    assert process.replaced() == ""
    patched_init.__module__ = "elsewhere"
    assert process.replaced() == "Module.__init__"
