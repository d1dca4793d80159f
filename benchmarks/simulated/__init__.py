"""Machines that exist only on paper, for what no single computer can show. Used by benchmarks/cluster_scale.py."""
