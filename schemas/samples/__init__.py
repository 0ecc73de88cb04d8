"""Messages to try things with; the children are invented."""
