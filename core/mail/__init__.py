"""Mail that comes in, read from its bytes."""
