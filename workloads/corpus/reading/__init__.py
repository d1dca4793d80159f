"""From what the recipe names to records with a position, whatever the format, packing, encoding or place of the file."""
