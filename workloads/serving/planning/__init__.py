"""How many replicas and machines a traffic needs, from what an engine was measured to do on such a machine. No Ray."""
