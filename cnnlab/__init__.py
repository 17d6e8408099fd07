"""An interactive course on convolutional networks, and the small package under it.

A map, from the ground up:

    sizes        output size, windows and unread edge of one layer; settings that cannot work, and what would
    fields       receptive field of a chain of layers, and where branches meet
    shapes       the two above in one place, and what a layer costs: parameters, multiply-accumulates, memory
    scratch      layers written out from their definition
    compat       torchvision and d2l, imported with care
    device       which processor, which precision
    seeding      random numbers from generators of one's own, which other threads neither change nor notice
    modes        a look at a learner's network: modes, generators and hooks given back
    allocator    memory that training frees stays with the process until it ends
    scale        a laptop's run or the notes' full recipe
    archives     the four archives of Fashion-MNIST: found, fetched, read
    standin      drawn garments for a machine with neither files nor network
    augment      images changed at random before a network sees them
    data         Fashion-MNIST kept on the device as uint8
    models       one file per architecture
    draw         numbers in, SVG out
    trace        any module and an input shape -> rows of shape, parameters, cost, receptive field
    plots        matplotlib figures: images, kernels, feature maps
    effective    what one unit of a net really looks at, by gradient
    history      what a training run leaves behind
    progress     the live curve in a notebook, a bar in a terminal, silence elsewhere
    settings     what each setting of a training run may be, and the optimizer and schedule it asks for
    doctor       what is wrong with a network or with data, before anything is trained
    train        train_epoch, evaluate, fit
    journal      what the chapters measured on this machine, one network beside the others
    explore      the widgets
    server       an extension of Jupyter's server: a slider's answer goes out at once
    lab          `python -m cnnlab lab`: JupyterLab with the course's settings
    bench        `python -m cnnlab.bench`: the networks trained here and by d2l in turn, measured side by side
    record       `python -m cnnlab.record`: the fast network for several seeds, seconds and test accuracy
    reference    `python -m cnnlab.reference`: the notes' recipes and ours over several seeds, as a table
    environment  what this machine has, and what to do about what is missing

Importing this package, `cnnlab.shapes` or the layer explorers does not import torch.
"""

__version__ = "0.1.0"
