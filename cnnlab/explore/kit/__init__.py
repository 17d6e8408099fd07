"""What the explorers share.

    settings  the traits that hold settings, what an explorer declares of each, and the constructor that follows
    controls  sliders, menus and switches made from what is declared, columns, and the buttons that mend
    base      base class of explorers: the picture, presets, offers; and of the views that show it
    window    base class of those of one layer: both axes by one rule, errors, limits, remedies
    grids     what numbers and pictures of these share: who reads whom, grids of cells beside each other
    told      base class of those whose picture tells about its parts, and its view
    ask       run the real PyTorch layer and compare
    presets   small images and kernels in whole numbers
    limits    how much of one layer is computed and listed

Scripts: `view.js`, `cells.js` and `edit.js` are the view of a layer drawn as grids; `told.js` tells about parts;
`theme.js`, `alive.js` and `copy.js` are in every view.
"""
