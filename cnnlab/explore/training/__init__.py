"""TrainingExplorer: training runs side by side.

explorer  its settings, results and sentences
controls  its sliders and buttons
running   runs in a thread of their own
picture   curves and a table
"""
