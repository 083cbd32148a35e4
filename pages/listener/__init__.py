"""What stands around the screens: the gate, response headers, sign-in routes, probes, life."""
