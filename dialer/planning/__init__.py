"""The nightly planner: clients and events in, call-backs out."""
