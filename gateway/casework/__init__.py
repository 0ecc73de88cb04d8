"""An officer at work: a case as a whole, a notice that is written, one that is found, and what was done outside of the
gateway.
"""
