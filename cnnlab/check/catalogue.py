"""Every exercise of the course by chapter: its name, title, level (1 to 3) and minutes. Text only, no torch."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One exercise: `check.<module>.<name>` judges it, notebooks/exercises/<notebook>.ipynb asks it."""

    notebook: str
    module: str
    name: str
    title: str
    level: int
    minutes: int

    @property
    def key(self) -> str:
        """What it is called in the progress file.
        >>> find("padding", "out_size").key
        'padding.out_size'
        """
        return f"{self.module}.{self.name}"

    @property
    def stars(self) -> str:
        """Its level, drawn.
        >>> find("padding", "out_size").stars
        '★☆☆'
        """
        return "★" * self.level + "☆" * (3 - self.level)


# notebook and module: rows of (name, title, level, minutes).
CHAPTERS: dict[tuple[str, str], list[tuple[str, str, int, int]]] = {
    ("01-convolution", "convolution"): [
        ("diagonal_edges", "Kernels for horizontal and diagonal edges", 1, 10),
        ("true_convolution", "True convolution from cross-correlation", 1, 5),
        ("loop_gradient", "The gradient through a loop", 2, 20),
        ("as_matrix", "Cross-correlation as a matrix product", 3, 30),
        ("dense_edges", "Edges by a fully connected layer", 2, 15),
        ("derivatives", "Blur, second and directional derivative", 2, 20),
        ("learn_kernel", "Learn a kernel, and know when you cannot", 3, 25),
    ],
    ("02-padding-stride", "padding"): [
        ("out_size", "Output size from scratch", 1, 10),
        ("to_56", "Every setting that takes 224 to 56", 2, 15),
        ("even_same", "An even kernel, the same size", 2, 10),
        ("audio_stride", "Stride 2 on sound, and reflect padding", 2, 20),
        ("transposed_size", "The size of a transposed convolution", 2, 10),
    ],
    ("03-channels", "channels"): [
        ("count_operations", "Count what a layer computes, forward and backward", 2, 20),
        ("cost_ratios", "Twice the channels, twice the padding", 1, 10),
        ("one_by_one_saving", "What a 1 × 1 kernel saves", 1, 10),
        ("exactly_equal", "Are two ways of computing exactly equal?", 2, 15),
        ("by_matrix", "A k × k convolution by one matrix product", 2, 20),
        ("compose", "Two kernels in one", 3, 25),
        ("groups_block", "Groups as a block-diagonal matrix", 2, 15),
    ],
    ("04-pooling", "pooling"): [
        ("cost", "What a pooling layer costs", 1, 10),
        ("average_as_conv", "Average pooling as a convolution", 1, 10),
        ("not_linear", "Max pooling is not linear; build it from ReLU", 2, 20),
        ("min_softmax", "Min pooling and softmax pooling", 2, 15),
        ("max_or_average", "An image where each of them wins", 2, 15),
        ("ties_gradient", "Where the gradient goes when two are largest", 2, 15),
    ],
    ("05-lenet", "lenet"): [
        ("max_relu", "LeNet with max pooling and ReLU", 1, 15),
        ("raise_accuracy", "More accuracy within 62,000 parameters", 3, 40),
        ("activations", "Activations for a garment and for noise", 2, 20),
        ("settings", "Learning rate, initialisation and epochs", 2, 20),
    ],
    ("06-alexnet", "alexnet"): [
        ("more_epochs", "More epochs, next to LeNet", 2, 20),
        ("small_alexnet", "A small AlexNet for 28 × 28", 3, 30),
        ("batch_size", "Batch size: accuracy, time and memory", 2, 25),
        ("lenet_dropout", "LeNet with ReLU and dropout", 2, 20),
        ("overfit", "Make AlexNet over-fit", 2, 20),
    ],
    ("07-vgg", "vgg"): [
        ("per_layer_table", "Why VGG is heavier than AlexNet, layer by layer", 2, 20),
        ("smaller_input", "From 224 to 96 pixels", 1, 10),
        ("deeper", "VGG-16 and VGG-19 from the table", 2, 15),
    ],
    ("08-nin", "nin"): [
        ("one_by_one", "One 1 × 1 convolution instead of two", 2, 25),
        ("costs", "Parameters, multiplications and memory", 2, 20),
        ("in_one_step", "From 384 channels to 10 in one step", 1, 10),
        ("dropout", "Dropout 0.3", 2, 15),
    ],
    ("09-googlenet", "googlenet"): [
        ("with_batch_norm", "An Inception block with batch norm", 2, 20),
        ("factorised", "Factorised convolutions", 2, 20),
        ("residual_inception", "An Inception block with a shortcut", 2, 20),
        ("smallest_input", "The smallest input that works", 1, 10),
        ("parameter_sizes", "Why two of four networks are small", 2, 15),
    ],
    ("10-batch-norm", "batch_norm"): [
        ("bias_needed", "Is the bias needed?", 1, 10),
        ("largest_rate", "The largest learning rate", 2, 20),
        ("elsewhere", "Batch norm in other places", 2, 20),
        ("parts", "Mean only, variance only, no γ and β", 2, 20),
        ("global_statistics", "Global statistics in training", 3, 20),
        ("against_dropout", "Batch norm against dropout", 2, 20),
        ("find_bugs", "Three bugs in a batch norm", 3, 25),
    ],
    ("11-resnet", "resnet"): [
        ("table", "ResNets from table 1", 2, 20),
        ("bottleneck", "The bottleneck block", 2, 20),
        ("pre_activation", "Pre-activation done properly", 3, 30),
        ("inception_or_residual", "An Inception branch or a residual one", 2, 15),
        ("deeper", "Is deeper always better here?", 2, 25),
    ],
    ("12-densenet", "densenet"): [
        ("fewer_parameters", "Why fewer parameters than ResNet", 2, 15),
        ("memory", "Memory at 224 against ResNet", 2, 20),
        ("table", "DenseNet-121, 169, 201 and 264", 2, 20),
        ("transition", "Why average in the transition", 2, 15),
        ("dense_mlp", "The idea in a network without convolutions", 3, 25),
    ],
}

ENTRIES = [Entry(*place, *row) for place, rows in CHAPTERS.items() for row in rows]
MODULES = [module for _, module in CHAPTERS]


def find(module: str, name: str) -> Entry:
    """The entry of `check.<module>.<name>`. Raises KeyError when there is none."""
    for entry in ENTRIES:
        if (entry.module, entry.name) == (module, name):
            return entry
    raise KeyError(f"no exercise is called {module}.{name}; the catalogue lists all of them")
