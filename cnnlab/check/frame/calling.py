"""A learner's function called within limits, so that whatever it does becomes one sentence."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import dis
import io
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AnySet
from fractions import Fraction
from types import FrameType, FunctionType

import numpy as np
import torch
from torch import nn

from cnnlab.check.frame.showing import Foreign, call_text
from cnnlab.check.frame.verdict import ToDo, Wrong

SECONDS = 10.0  # of processor time, for all calls of one check; more on a machine that is slower than usual
PATIENCE = 8  # a second of computing earns this many seconds of waiting for a busy machine
MOST_PRINTED = 20_000  # characters
FIRST_PRINTED = 300  # characters shown on the card


class TimeUp(BaseException):
    """Not an Exception, so that a learner's `except Exception` lets it pass."""


class TooMuch(BaseException):
    """The answer printed more than anyone would read."""


class Printed(io.StringIO):
    """Keeps what is printed, up to a limit."""

    def write(self, text: str) -> int:
        if self.tell() + len(text) > MOST_PRINTED:
            raise TooMuch
        return super().write(text)


class Runner:
    """Calls answers; the seconds are shared by all calls of one check, or counted anew where `fresh`.

    key: the exercise that is judged, as in "padding.out_size"; empty outside of a check.
    """

    def __init__(self, seconds: float = SECONDS, fresh: bool = False, key: str = ""):
        self.seconds = self.left = seconds
        self.fresh, self.key = fresh, key
        self.calls = 0

    def __call__(self, function: Callable, *args, fresh: bool = False, given: str = "", **kwargs):
        """What `function(*args, **kwargs)` gives back, settled. Raises Wrong with a sentence, or ToDo for a starter.

        given: how the card writes the call; by default as the arguments stand. Inputs that were changed are refused.
        """
        written(function)
        call = given or call_text(function, args, kwargs)
        kept = copy.deepcopy((args, kwargs)) if all(map(_plain, [*args, *kwargs.values()])) else None
        self.left = self.seconds if fresh or self.fresh else self.left
        self.calls += 1
        result = self._limited(lambda: function(*args, **kwargs), call)
        if result is Ellipsis:
            raise ToDo
        if kept is not None and not _same((args, kwargs), kept):
            raise Wrong("The answer changes what it is given; work on a copy of its input.", call=call)
        return result

    def settle(self, value: object) -> object:
        """An answer that is a value, as `settled` has it, within the limit."""
        return self._limited(lambda: value, "")

    def _limited(self, compute: Callable[[], object], call: str) -> object:
        printed, clock = Printed(), Clock(max(self.left, 0.1))
        try:
            with quiet(printed), time_limit(clock):
                return _inside(compute)
        except (ToDo, Wrong):
            raise
        except BaseException as error:
            raise Wrong(in_words(error, self.seconds), call=call, printed=_first(printed)) from error
        finally:
            self.left -= clock.spent() / clock.slower


def _inside(compute: Callable[[], object]) -> object:
    """Only what runs in here is stopped by the limit, not what puts things in order after it."""
    return settled(compute())


def _is_inside(frame: FrameType | None, tool: str = "") -> bool:
    """Whether this frame belongs to the answer, so that it may be stopped here.

    tool: the package of a coverage tool or debugger that traces the answer. It may hold a lock at this moment, and
    would wait for it for ever if it were stopped; it gets to finish first.
    """
    while frame is not None and frame.f_code is not _inside.__code__:
        if tool and _package(frame.f_globals.get("__name__") or "") == tool:
            return False
        frame = frame.f_back
    return frame is not None


def _tracing_tool() -> str:
    """The package of the tool that traces this thread, as in "coverage"; empty where there is none."""
    tracer = sys.gettrace()
    return _package(getattr(tracer, "__module__", None) or type(tracer).__module__) if tracer else ""


def _package(module: str) -> str:
    return module.partition(".")[0]


def settled(value: object) -> object:
    """The value with nothing left to be computed: iterators are run to their end, and a value of an unknown class
    becomes its text. Functions, classes, modules, tensors and arrays stay as they are."""
    if value is None or value is Ellipsis or type(value) in (bool, int, float, complex, str, bytes, range, Fraction):
        return value
    if isinstance(value, torch.Tensor):
        return value if type(value) in (torch.Tensor, nn.Parameter) else value.as_subclass(torch.Tensor)
    if isinstance(value, np.ndarray | np.generic | nn.Module) or callable(value):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {settled(key): settled(item) for key, item in value.items()}
    if isinstance(value, list | tuple | AnySet):
        # A set is known by its items; they are settled in a list, for not all of them can be put into a set again.
        items = [settled(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items if isinstance(value, list) else _as_set(items)
    if isinstance(value, Iterator):
        return [settled(item) for item in value]
    return Foreign(type(value).__name__, repr(value))


def _as_set(items: list) -> frozenset | list:
    try:
        return frozenset(items)
    except TypeError:
        return items


@contextlib.contextmanager
def quiet(printed: Printed) -> Iterator[None]:
    """What is printed goes there and nowhere else."""
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        yield


def written(function: object) -> None:
    """Raises ToDo for a starter that nobody filled in, Wrong for what cannot be called."""
    if function is Ellipsis or (isinstance(function, FunctionType) and untouched(function)):
        raise ToDo
    if not callable(function):
        raise Wrong(f"A function is asked for, and this is {a_kind(function)}; hand over its name, without brackets.")


def untouched(function: FunctionType) -> bool:
    """Whether the body is only `...` or `return ...`."""
    code = list(dis.get_instructions(function))
    idle = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP"}
    constants = [step.argval for step in code if "CONST" in step.opname]
    return {step.opname for step in code} <= idle and constants in ([None], [Ellipsis])


def in_words(error: BaseException, seconds: float) -> str:
    """One sentence for whatever a learner's code raised. Interrupting by hand is passed on."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, TimeUp):
        return f"Nothing came back within {seconds:g} s; is there a loop that never ends?"
    if isinstance(error, TooMuch):
        return f"It prints more than {MOST_PRINTED:,} characters; take the print out of the loop."
    if isinstance(error, ModuleNotFoundError):
        return f"It imports {error.name}, which is not installed here; do without it."
    if isinstance(error, NameError):
        return f"The name {error.name} is unknown; define or import it in the same cell."
    if isinstance(error, RecursionError):
        return "It calls itself without end; which case should stop it?"
    if isinstance(error, SystemExit):
        return "It calls exit, which would end the kernel; use return."
    if isinstance(error, MemoryError):
        return "It asks for more memory than there is; is a size multiplied by mistake?"
    says = " ".join(str(error).split())
    return f"It raises {type(error).__name__}" + (f": {says[:200]}" if says else " without a word")


def a_kind(value: object) -> str:
    """The type of a value with its article.
    >>> a_kind(3), a_kind([1]), a_kind(None)
    ('an int', 'a list', 'None')
    """
    if value is None:
        return "None"
    name = value.kind if isinstance(value, Foreign) else type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


# ---- limits ------------------------------------------------------------------------------------------------------------


class Clock:
    """How long the code of this thread has computed, and whether that is more than its seconds.

    Processor time counts, which a busy machine lengthens less than the time on the wall; where little is computed the
    wall counts too, so that a sleep without end is found out. Once the seconds are over, the machine's speed at that
    moment is measured, and a slow or busy one gets as much more.
    """

    def __init__(self, seconds: float):
        self.seconds, self.slower, self.thread = seconds, 1.0, threading.get_ident()
        self.start, self.measuring = self._now(), False

    def _now(self) -> tuple[float, float, float]:
        return time.monotonic(), _thread_seconds(self.thread), time.process_time()

    def spent(self) -> float:
        """Seconds of processor time of this thread, or of the wall beyond what a busy machine explains."""
        wall, thread, process = (now - then for now, then in zip(self._now(), self.start, strict=True))
        return max(thread, wall - PATIENCE * process)

    def over(self) -> bool:
        if self.measuring or self.spent() < self.seconds * self.slower:
            return False
        if self.slower == 1:
            # The alarm that asks goes on ringing meanwhile; it finds this not over.
            self.measuring = True
            self.slower = slowness()
            self.measuring = False
        return self.spent() >= self.seconds * self.slower


def _thread_seconds(thread: int) -> float:
    """Processor time of a thread; where the system does not tell it, that of the process, shared among its workers."""
    if thread == threading.get_ident():
        return time.thread_time()
    if hasattr(time, "pthread_getcpuclockid"):
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    return time.process_time() / torch.get_num_threads()


USUAL_SECONDS = 0.02  # processor time of `_work` on one core of an AMD EPYC at rest
MOST_SLOW = 10


def slowness() -> float:
    """How many times slower than the machine of the limits this one is now, from 1 to MOST_SLOW."""
    return min(max(min(_work() for _ in range(3)) / USUAL_SECONDS, 1.0), MOST_SLOW)


def _work() -> float:
    """Processor time of a fixed piece of what answers do: a loop in Python and a small layer, forward and backward."""
    # It may be asked for in the middle of an evaluation, where nothing keeps a gradient.
    with torch.inference_mode(False), torch.enable_grad():
        X, weight = torch.ones(32, 1, 28, 28), torch.ones(16, 1, 5, 5).requires_grad_()
        started, total = time.thread_time(), 0
        for i in range(200_000):
            total += i * i
        for _ in range(8):
            nn.functional.conv2d(X, weight, padding=2).relu().sum().backward()
        return time.thread_time() - started


@contextlib.contextmanager
def time_limit(clock: Clock) -> Iterator[None]:
    """Raises TimeUp in the running code once the clock is over, and again until it gives way."""
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        with _by_signal(clock):
            yield
    else:
        with _by_thread(clock):
            yield


@contextlib.contextmanager
def _by_signal(clock: Clock) -> Iterator[None]:
    """Wakes even a sleeping call."""
    ticks, tool = 0, _tracing_tool()

    def stop(_, frame):
        nonlocal ticks
        if not _is_inside(frame, tool) or not clock.over():
            return
        ticks += 1
        if ticks > 1:
            # An `except:` inside the loop swallowed it: next time raise some lines later, in that very clause.
            frame.f_trace = _after(ticks % 8)
            sys.settrace(frame.f_trace)
        else:
            raise TimeUp

    before, tracing = signal.signal(signal.SIGALRM, stop), sys.gettrace()
    try:
        signal.setitimer(signal.ITIMER_REAL, min(clock.seconds, 0.1), 0.02)
        yield
    finally:
        _disarm()
        signal.signal(signal.SIGALRM, before)
        sys.settrace(tracing)


def _after(lines: int) -> Callable:
    """A trace function that raises TimeUp after so many lines."""
    left = lines

    def trace(frame, event, value):
        nonlocal left
        left -= event == "line"
        if left < 0 and _is_inside(frame):
            raise TimeUp
        return trace

    return trace


def _disarm() -> None:
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            return
        except TimeUp:
            continue


@contextlib.contextmanager
def _by_thread(clock: Clock) -> Iterator[None]:
    """Where there is no alarm (Windows, or not the main thread): raised between two steps of Python."""
    over, target, tool = threading.Event(), threading.get_ident(), _tracing_tool()

    def stop():
        while not over.wait(0.05):
            if _is_inside(sys._current_frames().get(target), tool) and clock.over():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(target), ctypes.py_object(TimeUp))

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _plain(value: object) -> bool:
    """Values that are cheap to copy and to compare."""
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    if isinstance(value, torch.Tensor):
        return not value.requires_grad and not value.is_meta
    return isinstance(value, int | float | str | bool | type(None))


def _same(now: object, kept: object) -> bool:
    if isinstance(now, torch.Tensor):
        return now.shape == kept.shape and torch.equal(now.nan_to_num(), kept.nan_to_num())
    if isinstance(now, dict):
        return now.keys() == kept.keys() and all(_same(now[key], kept[key]) for key in now)
    if isinstance(now, list | tuple):
        return len(now) == len(kept) and all(map(_same, now, kept))
    return now == kept


def _first(printed: Printed) -> str:
    return printed.getvalue()[:FIRST_PRINTED]
