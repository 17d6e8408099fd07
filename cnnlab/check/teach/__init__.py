"""For teachers: exercises handed out and graded.

handout  a solution notebook -> the exercise notebook
course   the exercises as a course of nbgrader
"""
