"""Measurements of what the README claims; `make bench` prints them with how each was taken."""
