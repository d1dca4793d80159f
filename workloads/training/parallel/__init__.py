"""One model over several processes: shards of weights and state, of matrices, of rows. torch's own parts; no Ray."""
