"""Personal data in Chinese text: one file per kind, a registry, one search for all."""
