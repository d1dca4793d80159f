"""Pure functions on str: normalise, fold, quality, repetition. No Ray, no torch."""
