"""`python -m app run recipe.yaml`: the same as `hanlin run recipe.yaml`, also under `ray job submit --working-dir .`."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
