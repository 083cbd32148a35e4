"""An invented primary on the real map, so that people can train and screens can live.

Nothing here may run in production, and no person, number or text belongs to anybody.
"""
