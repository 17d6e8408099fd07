"""Wrong answers that learners give, one module a chapter: WRONG = [(exercise, source of the answer cell, words), …].

Each must be judged wrong, with the words on the card. A source stands in place of the whole answer cell.
"""
