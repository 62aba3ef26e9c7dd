"""What a data set holds and what in it may spoil a training, whatever layout it came in."""
