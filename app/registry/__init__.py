"""Revisions of models: lineage, evaluation gates, aliases, audit."""
