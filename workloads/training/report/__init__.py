"""report.html of a training run: curves, where its time went, incidents, and what was left out."""
