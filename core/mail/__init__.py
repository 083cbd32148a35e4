"""Mail that comes in: read from its bytes, stored before anything else, filed with the case desk."""
