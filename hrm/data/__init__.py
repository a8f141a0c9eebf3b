"""Examples for training and testing: splits, streams, held-out boards, hashes, the leak check."""
