"""The scripts: their versions, their approval, two of them side by side, and a call against its own script."""
