"""The OpenVINO engine: a decoder exported once at publish time, run with paged attention. No Ray; no torch where it serves."""
