"""What the public looks at: the site and the API of the public listener."""
