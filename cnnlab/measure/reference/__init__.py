"""What the networks of the notes reach: for several seeds, by the notes' recipe and by ours, kept in `results`.

    reference("lenet")

shows a network's two lines in a notebook; `python -m cnnlab.measure.reference` measures. A map:

    measure   one row trained once a seed
    table     results as Markdown and as a small table
    files     one file for a processor, one for a GPU

On a GPU all eight are trained in full. On a processor LeNet and BN-LeNet are, and the others at the size that their
lines state: narrower, at 28 px, for fewer epochs, the same by both recipes. A line that was not measured says so.
"""

from cnnlab.measure.reference.files import reference

__all__ = ["reference"]
