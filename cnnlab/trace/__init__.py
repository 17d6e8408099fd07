"""What a model does to a shape: one row a layer with shape, parameters, multiply-accumulates, memory, receptive field.

    trace(model, (1, 1, 28, 28))

runs a copy of the model on PyTorch's meta device, where tensors have a shape and no numbers, and where that is not
enough, on zeros. The model itself is never called. A map:

    table      Row, Trace, and how they print
    inputs     what a trace is given: the model, shapes, tensors
    meta_copy  the copy of the model that is run
    operation  what PyTorch hands over when a layer computes, and what that costs
    refusal    why an operation cannot take its input, in words
    sight      what the units of a tensor see of the input
    windows    how that changes where an operation reads neighbours
    layout     how it changes where an operation mixes or rearranges axes
    rules      which operation follows which of these
    run        the run itself: modules entered and left, operations followed, rows written
    modes      a look at a learner's network: modes, generators and hooks given back
    effective  what one unit of a net really looks at, by gradient
"""

from cnnlab.trace.run import trace
from cnnlab.trace.table import Row, Trace

__all__ = ["Row", "Trace", "trace"]
