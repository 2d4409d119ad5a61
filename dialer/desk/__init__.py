"""Agents and handoff: who takes a transferred call, and how he is rung."""
