"""What a training will give and cost before it is paid for: a law of the loss, fitted on small models, and a budget laid on it."""
