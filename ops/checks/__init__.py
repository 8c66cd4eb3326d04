"""The observed state of a stack in, a check for each thing that must hold out. Every module is pure.

A check that does not hold says what is wrong and what to do about it.
"""
