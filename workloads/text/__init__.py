"""Pure functions on Chinese text: normalise, fold, quality, repetition, boilerplate, personal data. No Ray, no torch, no I/O."""
