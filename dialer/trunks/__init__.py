"""The trunks that all nodes share: which one takes the next call, and the books about their limits and faults."""
