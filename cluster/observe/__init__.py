"""What a run tells: logs, progress and metrics. Not for deciding anything."""
