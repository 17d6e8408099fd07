"""What the explorers share.

    base     base classes: settings as traits, sliders, the picture, offers that mend
    told     the view of explorers whose picture tells about its parts, and sliders for counts
    ask      run the real PyTorch layer and compare
    presets  small images and kernels in whole numbers
    limits   how much of one layer is computed and listed

Scripts: `view.js`, `cells.js` and `edit.js` are the view of a layer drawn as grids; `told.js` tells about parts;
`theme.js`, `alive.js` and `copy.js` are in every view.
"""
