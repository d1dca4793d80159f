"""Architectures, their size and cost, and their files. torch, no Ray."""
