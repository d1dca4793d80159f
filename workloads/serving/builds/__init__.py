"""Engine builds: what is made once, when a model is published, so that its replicas start at once; and the gate before them."""
