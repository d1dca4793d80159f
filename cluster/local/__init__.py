"""A whole autoscaling cluster on one machine: each node a real raylet with its own address, folder and limits.

For trying elasticity and failure, and for the tests. Not for capacity: the nodes share one machine's processors.
"""
