"""One run from start to end: train, evaluate, predict, search, validate, inspect, demo.

Each command of the command line is a thin layer over the function of the same name here.
"""
