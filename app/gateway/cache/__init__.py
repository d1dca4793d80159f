"""Answers that need no second generation: kept ones, and those that are being generated for somebody else right now."""
