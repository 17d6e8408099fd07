"""Arithmetic of one layer along one axis: sizes, settings that cannot work and what would, windows, the unread edge.

Everything is in whole pixels. `padding` is PyTorch's: so many on each side.
"""

from __future__ import annotations

import operator


class ShapeError(ValueError):
    """A setting no layer can have. The message is one sentence: the value, the rule it breaks, the way out."""


def whole(name: str, value: int, least: int = 1) -> int:
    """The value as an int; numpy's and PyTorch's whole numbers pass, all else is refused under its name."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if isinstance(value, str) and value == "same":
        raise ShapeError(f"{name}='same' is no number; same_padding(kernel_size, dilation) gives it as (before, after)")
    if isinstance(value, tuple | list):
        raise ShapeError(f"{name}={value!r} has more than one side; ask for height and width one after the other")
    # bool is an int to Python, but stride=True is a slip and not a setting.
    if number is None or isinstance(value, bool):
        raise ShapeError(f"{name}={value!r} is not a whole number; give an int of at least {least}")
    if number < least:
        raise ShapeError(f"{name}={number} is below {least}; give an int of at least {least}")
    return number


def _settings(kernel_size: int, stride: int, padding: int, dilation: int) -> tuple[int, int, int, int]:
    return (
        whole("kernel_size", kernel_size),
        whole("stride", stride),
        whole("padding", padding, 0),
        whole("dilation", dilation),
    )


# ---- sizes -----------------------------------------------------------------------------------------------------------


def effective_kernel(kernel_size: int, dilation: int = 1) -> int:
    """Pixels from the first tap of a kernel to its last, both counted.
    >>> effective_kernel(5, dilation=2)
    9
    """
    return whole("dilation", dilation) * (whole("kernel_size", kernel_size) - 1) + 1


def same_padding(kernel_size: int, dilation: int = 1) -> tuple[int, int]:
    """Padding (before, after) that keeps the size at stride 1; an even span needs one more after than before.
    >>> same_padding(3), same_padding(4), same_padding(3, dilation=2)
    ((1, 1), (1, 2), (2, 2))
    """
    total = effective_kernel(kernel_size, dilation) - 1
    return total // 2, total - total // 2


def out_size(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Output length along one axis, in pixels. `ceil_mode` is for pooling only.
    >>> out_size(224, kernel_size=11, stride=4, padding=2)
    55
    >>> out_size(7, kernel_size=2, stride=2), out_size(7, kernel_size=2, stride=2, ceil_mode=True)
    (3, 4)
    """
    return _out_size(size, kernel_size, stride, padding, dilation, ceil_mode, pool=False)


def pool_out_size(
    size: int, kernel_size: int, stride: int | None = None, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Output length of a pooling layer along one axis, in pixels. The stride is the kernel's size unless given.
    PyTorch allows padding up to half the kernel's size, so that no window sees nothing but padding.

    >>> pool_out_size(24, kernel_size=2), pool_out_size(54, kernel_size=3, stride=2)
    (12, 26)
    """
    stride = kernel_size if stride is None else stride
    return _out_size(size, kernel_size, stride, padding, dilation, ceil_mode, pool=True)


def _out_size(
    size: int, kernel_size: int, stride: int, padding: int, dilation: int, ceil_mode: bool, pool: bool
) -> int:
    size, (kernel_size, stride, padding, dilation) = (
        whole("size", size),
        _settings(kernel_size, stride, padding, dilation),
    )
    room = size + 2 * padding - effective_kernel(kernel_size, dilation)
    steps = -(-room // stride) if ceil_mode else room // stride
    if steps < 0 or (pool and padding > kernel_size // 2):
        raise ShapeError(_refusal(size, kernel_size, stride, padding, dilation, pool))
    # PyTorch's rule: a last window that would start in the padding on the right is dropped.
    return steps if ceil_mode and steps * stride >= size + padding else steps + 1


def transposed_out_size(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Output length of a transposed convolution along one axis, in pixels.
    >>> transposed_out_size(12, kernel_size=4, stride=2, padding=1)
    24
    """
    size, (kernel_size, stride, padding, dilation) = (
        whole("size", size),
        _settings(kernel_size, stride, padding, dilation),
    )
    output_padding = whole("output_padding", output_padding, 0)
    if output_padding >= max(stride, dilation):
        raise ShapeError(
            f"output_padding {output_padding} is not below the larger of stride {stride} and dilation {dilation};"
            f" lower it to {max(stride, dilation) - 1} or less"
        )
    full = (size - 1) * stride + effective_kernel(kernel_size, dilation) + output_padding
    if full <= 2 * padding:
        raise ShapeError(
            f"padding {padding} crops all of the {full} px a transposed convolution makes from {size} px;"
            f" lower the padding to {(full - 1) // 2} or less"
        )
    return full - 2 * padding


def explain(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> str:
    """The arithmetic of `out_size` with the numbers in it, and what it leaves over.
    >>> explain(224, kernel_size=7, stride=2, padding=3)
    '⌊(224 + 2·3 − 1·(7 − 1) − 1) / 2⌋ + 1 = 112, 1 column unread'
    """
    made = out_size(size, kernel_size, stride, padding, dilation, ceil_mode)
    left, right = "⌈⌉" if ceil_mode else "⌊⌋"
    text = f"{left}({size} + 2·{padding} − {dilation}·({kernel_size} − 1) − 1) / {stride}{right} + 1"
    room = size + 2 * padding - effective_kernel(kernel_size, dilation)
    if ceil_mode and made <= -(-room // stride):
        return f"{text} = {made + 1}, less the last window, which would start in the padding: {made}"
    rest = 0 if ceil_mode else unread(size, kernel_size, stride, padding, dilation)
    return f"{text} = {made}" + (f", {rest} column{'s' * (rest > 1)} unread" if rest else "")


# ---- settings that cannot work, and the nearest that do --------------------------------------------------------------


def remedies(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, pool: bool = False
) -> list[dict[str, int]]:
    """The smallest changes that make an impossible setting possible; empty where it already works.
    >>> remedies(7, kernel_size=5, dilation=2)
    [{'padding': 1}, {'dilation': 1}, {'kernel_size': 4}, {'size': 9}]
    """
    size, (kernel_size, stride, padding, dilation) = (
        whole("size", size),
        _settings(kernel_size, stride, padding, dilation),
    )
    setting = {"size": size, "kernel_size": kernel_size, "padding": padding, "dilation": dilation}
    span, padded = effective_kernel(kernel_size, dilation), size + 2 * padding
    if pool and padding > kernel_size // 2:
        less = {"padding": kernel_size // 2}
        fits = _possible(pool, **{**setting, **less})
        rest = [{}] if fits else remedies(size, kernel_size, stride, kernel_size // 2, dilation, pool)
        changes = [{**less, **change} for change in rest] + [{"kernel_size": 2 * padding}]
    elif span > padded:
        changes = [
            {"padding": -(-(span - size) // 2)},
            {"dilation": (padded - 1) // max(kernel_size - 1, 1)},
            {"kernel_size": (padded - 1) // dilation + 1},
            {"size": span - 2 * padding},
        ]
    else:
        return []
    return [change for change in changes if _possible(pool, **{**setting, **change})]


def _possible(pool: bool, size: int, kernel_size: int, padding: int, dilation: int) -> bool:
    fits = dilation > 0 and effective_kernel(kernel_size, dilation) <= size + 2 * padding
    return fits and not (pool and padding > kernel_size // 2)


def _refusal(size: int, kernel_size: int, stride: int, padding: int, dilation: int, pool: bool) -> str:
    if pool and padding > kernel_size // 2:
        rule = f"padding {padding} is more than half of a pooling kernel of {kernel_size}"
    else:
        taps = f" ({kernel_size} taps, dilation {dilation})" if dilation > 1 else ""
        padded = f" padded to {size + 2 * padding}" if padding else ""
        rule = f"a kernel spanning {effective_kernel(kernel_size, dilation)} px{taps} does not fit {size} px{padded}"
    now = {"size": size, "kernel_size": kernel_size, "padding": padding, "dilation": dilation}
    fixes = remedies(size, kernel_size, stride, padding, dilation, pool)[:2]
    ways = [" and ".join(_advice(name, value, now[name]) for name, value in fix.items()) for fix in fixes]
    return f"{rule}; {', or '.join(ways)}"


def _advice(name: str, value: int, now: int) -> str:
    if name == "size":
        return f"give an input of {value} px"
    sides = " on each side" if name == "padding" else ""
    if name == "padding" and now == 0:
        return f"pad by {value}{sides}"
    return f"{'raise' if value > now else 'lower'} the {name.removesuffix('_size')} to {value}{sides}"


# ---- who reads whom --------------------------------------------------------------------------------------------------


def window(index: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> tuple[int, ...]:
    """Input positions that output `index` reads, in pixels; below 0 or past the end is padding.
    >>> window(0, kernel_size=3, stride=2, padding=1), window(1, kernel_size=3, dilation=2)
    ((-1, 0, 1), (1, 3, 5))
    """
    kernel_size, stride, padding, dilation = _settings(kernel_size, stride, padding, dilation)
    first = whole("index", index, 0) * stride - padding
    return tuple(first + tap * dilation for tap in range(kernel_size))


def readers(
    position: int, size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[int, ...]:
    """Output indices whose window reads the input pixel at `position`; empty where nothing reads it.
    >>> readers(2, size=7, kernel_size=3), readers(6, size=7, kernel_size=2, stride=2)
    ((0, 1, 2), ())
    """
    outputs = range(out_size(size, kernel_size, stride, padding, dilation))
    position = _inside("position", position, size)
    return tuple(i for i in outputs if position in window(i, kernel_size, stride, padding, dilation))


def unread(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Columns at the end of the padded input that no window reads. Gaps between windows are not counted.
    >>> unread(224, kernel_size=7, stride=2, padding=3), unread(224, kernel_size=11, stride=4)
    (1, 1)
    """
    steps = out_size(size, kernel_size, stride, padding, dilation) - 1
    return size + 2 * padding - effective_kernel(kernel_size, dilation) - steps * stride


def written(position: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> tuple[int, ...]:
    """Output positions a transposed convolution writes from input `position`; below 0 or past the end is cropped.
    >>> written(1, kernel_size=4, stride=2, padding=1)
    (1, 2, 3, 4)
    """
    # The transposed layer runs the ordinary one backwards: what was read is now written.
    return window(whole("position", position, 0), kernel_size, stride, padding, dilation)


def writers(
    index: int,
    size: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> tuple[int, ...]:
    """Input positions that write output `index` of a transposed convolution; empty where only the bias does.
    >>> writers(2, size=12, kernel_size=4, stride=2, padding=1), writers(1, size=12, kernel_size=1, stride=2)
    ((0, 1), ())
    """
    index = _inside("index", index, transposed_out_size(size, kernel_size, stride, padding, output_padding, dilation))
    return tuple(i for i in range(size) if index in written(i, kernel_size, stride, padding, dilation))


def _inside(name: str, value: int, size: int) -> int:
    value = whole(name, value, 0)
    if value >= size:
        raise ShapeError(f"{name}={value} is outside {size} px; give 0 to {size - 1}")
    return value
