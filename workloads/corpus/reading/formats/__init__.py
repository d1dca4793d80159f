"""A file per format that can be read; see registry.py for their list."""
