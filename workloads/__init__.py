"""What runs on Ray: a folder per workload; they meet through artifacts only."""
