"""Compiled loops over whole columns of text. Not for single texts: what calls them is `normalise_all`, `fold_all`, `measure` ...

Every kernel takes flat arrays: the code points of all texts one after the other, and where each text begins. Importing one
imports numba (0.2 s of a processor), so the modules around import them inside of the functions that need them.
"""
