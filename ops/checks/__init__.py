"""What was observed of a stack in, a check for each thing that must hold out. Pure, every module of it.

A check that does not hold says what is wrong and what to do about it.
"""
