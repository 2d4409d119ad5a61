"""A carrier and its subscribers for demo, tests and benchmarks: real SIP and RTP on loopback.

The far end runs on another SIP stack than the node (``aiosipua`` and ``aiortp`` here, baresip there), because one
stack at both ends hides its own mistakes. Start it with ``python -m simulator``, or from a test or the demo with
``simulator.process.SimulatorProcess``.
"""
