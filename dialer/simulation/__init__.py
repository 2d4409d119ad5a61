"""A campaign on a simulated clock: the real planner, gate, retries and order against clients who are statistics."""
