"""The programme board: coverage against target, deadline risk, escalations, who was left out."""
