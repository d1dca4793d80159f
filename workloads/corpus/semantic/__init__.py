"""Documents that say the same in other words: vectors of an encoder, clusters, and one document of each meaning kept."""
