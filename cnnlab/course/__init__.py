"""What runs the course.

lab          `python -m cnnlab lab`: JupyterLab with the course's settings, which lie in jupyter-config
server       an extension of Jupyter's server: a slider's answer goes out at once
environment  what this machine has, and what to do about what is missing
run_size     a laptop's run or the notes' full recipe
"""
