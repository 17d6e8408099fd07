"""`python -m cnnlab.measure.bench`: the notes' eight networks, trained by `cnnlab` and by d2l's `train_ch6` in turn.

A map:

    job      one of the notes' recipes on a number of images
    run      what a run leaves behind, and the clock it is measured with
    ours     a Job by cnnlab.train.fit on cnnlab.data
    theirs   the same Job by d2l.train_ch6 on d2l's own loaders, its live drawing on or off
    peak     the most memory a side takes, in a process of its own
    machine  what this machine is, and its fastest matrix product
    pairs    the runs in turn, network by network
    report   medians, spreads, ratios pair by pair, as JSON and as Markdown

Both sides are given the same network, weights, images, input size, batch size and learning rate; pixels are 0…1.
"""
