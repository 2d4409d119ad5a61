"""The policy pack in words, for those who answer for it."""
