"""Case systems that call the API: they come in by id and secret, what they repeat has one effect, and they are told of
what happens.
"""
