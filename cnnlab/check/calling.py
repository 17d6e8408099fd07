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
from collections.abc import Callable, Iterator
from types import FunctionType

import torch

from cnnlab.check.showing import call_text
from cnnlab.check.verdict import ToDo, Wrong

SECONDS = 10.0  # for all calls of one check
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
        """What `function(*args, **kwargs)` gives back. Raises Wrong with a sentence, or ToDo where nothing is written.

        given: how the card writes the call; by default as the arguments stand. Inputs that were changed are refused.
        """
        written(function)
        call = given or call_text(function, args, kwargs)
        kept = copy.deepcopy((args, kwargs)) if all(map(_plain, [*args, *kwargs.values()])) else None
        self.left = self.seconds if fresh or self.fresh else self.left
        self.calls += 1
        printed, started = Printed(), time.monotonic()
        try:
            with quiet(printed), time_limit(max(self.left, 0.1)):
                result = function(*args, **kwargs)
        except (ToDo, Wrong):
            raise
        except BaseException as error:
            raise Wrong(in_words(error, self.seconds), call=call, printed=_first(printed)) from error
        finally:
            self.left -= time.monotonic() - started
        if result is Ellipsis:
            raise ToDo
        if kept is not None and not _same((args, kwargs), kept):
            raise Wrong("The answer changes what it is given; work on a copy of its input.", call=call)
        return result


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
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeUp in the running code after so many seconds, and again until it gives way."""
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        with _by_signal(seconds):
            yield
    else:
        with _by_thread(seconds):
            yield


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    """Wakes even a sleeping call."""
    ticks = 0

    def stop(_, frame):
        nonlocal ticks
        ticks += 1
        if ticks > 1 and frame is not None:
            # An `except:` inside the loop swallowed it: next time raise some lines later, in that very clause.
            frame.f_trace = _after(ticks % 8)
            sys.settrace(frame.f_trace)
        else:
            raise TimeUp

    before, tracing = signal.signal(signal.SIGALRM, stop), sys.gettrace()
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.02)
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
        if left < 0:
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
def _by_thread(seconds: float) -> Iterator[None]:
    """Where there is no alarm (Windows, or not the main thread): raised between two steps of Python."""
    over, target = threading.Event(), threading.get_ident()

    def stop():
        if over.wait(seconds):
            return
        while not over.wait(0.05):
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
