"""Learn the merges of a byte-level BPE from text: count its pieces, then merge the most frequent pair again and again."""
