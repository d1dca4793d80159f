"""Kept answers to questions that mean the same, found by their vectors, within a bound on wrong ones that was shown beforehand."""
