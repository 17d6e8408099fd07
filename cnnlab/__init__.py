"""An interactive course on convolutional networks, and the small package under it.

What a learner reads:

    shapes   output size, receptive field and cost of a layer or a chain of layers
    scratch  layers written out from their definition
    models   one file per architecture
    data     Fashion-MNIST, drawn garments in its place, augmentation
    train    fit and train_epoch, optimizers and schedules, history, live curve
    trace    any module and an input shape -> rows of shape, parameters, cost, receptive field
    plots    matplotlib figures: images, kernels, feature maps

What draws and moves:

    draw     numbers in, SVG out
    explore  the widgets, a folder for each

What checks, what measures, and what runs the course:

    check    the exercises, and what judges an answer
    measure  `python -m cnnlab.measure.bench`, `.reference`, `.record`: what the networks reach, and how fast
    course   JupyterLab with the course's settings, the report of `python -m cnnlab`, run size

The ground that others stand on:

    device   which processor, which precision
    compat   torchvision and d2l, imported with care

Importing this package, `cnnlab.shapes`, `cnnlab.draw` or the layer explorers does not import torch.
"""

__version__ = "0.1.0"
