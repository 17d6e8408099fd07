"""What is particular to a transposed convolution along one axis: settings that mend it, and slips about its size."""

from __future__ import annotations

from cnnlab.explore.conv.guess import Rules, named, out_length
from cnnlab.shapes.sizes import ShapeError, effective_kernel, transposed_out_size

NAMES = ("size", "kernel_size", "stride", "padding", "output_padding", "dilation")


def length(*axis: int) -> int | None:
    """Output length along one axis, None where there is no such layer."""
    try:
        return transposed_out_size(*axis)
    except ShapeError:
        return None


# ---- settings that cannot work ---------------------------------------------------------------------------------------


def remedies(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> list[dict[str, int]]:
    """The smallest changes that make an impossible setting possible; empty where it already works.
    >>> remedies(1, kernel=3, padding=2)
    [{'padding': 1}, {'kernel_size': 5}, {'size': 3}]
    >>> remedies(6, kernel=3, stride=2, output_padding=2)
    [{'output_padding': 1}, {'stride': 3}, {'dilation': 3}]
    """
    now = dict(zip(NAMES, (size, kernel, stride, padding, output_padding, dilation), strict=True))
    if output_padding < max(stride, dilation):
        return _uncropped(now)
    changes = [
        {"output_padding": max(stride, dilation) - 1},
        {"stride": output_padding + 1},
        {"dilation": output_padding + 1},
    ]
    # What then crops all needs its own mending on top: less padding, which always helps.
    return [{**change, **next(iter(_uncropped({**now, **change})), {})} for change in changes]


def _uncropped(now: dict[str, int]) -> list[dict[str, int]]:
    size, kernel, stride, padding, extra, dilation = now.values()
    full = (size - 1) * stride + effective_kernel(kernel, dilation) + extra
    lacking = 2 * padding + 1 - full
    if lacking <= 0:
        return []
    return [
        {"padding": (full - 1) // 2},
        {"kernel_size": kernel - -lacking // dilation},
        {"size": size - -lacking // stride},
    ]


# ---- guesses ---------------------------------------------------------------------------------------------------------


def slips(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> dict[str, int]:
    """What each usual slip makes of one axis, under the hint for it. A slip that changes nothing is left out.
    >>> sorted(slips(12, 4, stride=2, padding=1).values())
    [6, 13, 23, 25, 26, 26, 28]
    """
    full = (size - 1) * stride + effective_kernel(kernel, dilation) + output_padding
    right, span = full - 2 * padding, effective_kernel(kernel, dilation)
    crop = f"{padding} px at each end: take off 2·{padding}"
    made = {
        "this is what the ordinary convolution makes of it; the transposed one runs it backwards": out_length(
            size, kernel, stride, padding, dilation
        )
        or 0,
        f"the padding is left out, but it crops {crop}": full,
        f"the padding is taken off once, but it crops {crop}": full - padding,
        f"the padding is added, but here it crops {crop}": full + 2 * padding,
        f"the − 1 is missing: between {size} stamps there are only {size - 1} steps": right + stride,
        f"the + 1 is missing: a stamp spans {dilation}·({kernel} − 1) + 1 px": right - 1,
        f"the output_padding is left out: it adds {output_padding} px at the end": right - output_padding,
        f"the output_padding is added twice, but only the end gets its {output_padding} px": right + output_padding,
        f"the dilation is left out: {kernel} taps, {dilation} px apart, span {span} px": right - span + kernel,
        f"the stride is left out: the stamps start {stride} px apart": right - (size - 1) * (stride - 1),
        f"the kernel is left out: the last stamp starts at {(size - 1) * stride} and spans {span} px": size * stride,
    }
    return {hint: length for hint, length in made.items() if length > 0 and length != right}


def hint(guess: int, axis: tuple[int, ...]) -> str:
    """What is wrong with a guess along one axis: the slip that leads there, or which way to go.
    >>> hint(23, (12, 4, 2, 1, 0, 1))
    'the + 1 is missing: a stamp spans 1·(4 − 1) + 1 px'
    """
    size, kernel, stride, padding, extra, dilation = axis
    try:
        right = transposed_out_size(*axis)
    except ShapeError as error:
        return f"{str(error).partition(';')[0]}, so no output exists; type none"
    more = f" and {extra} added at the end" if extra else ""
    return named(guess, slips(*axis)) or (
        f"{'too large' if guess > right else 'too small'}; {size} stamps of {effective_kernel(kernel, dilation)} px"
        f" start {stride} px apart, with {padding} px cropped at each end{more}"
    )


RULES = Rules(
    length,
    hint,
    none="no such layer exists",
    some="the crop leaves something over, so there is an output",
)
