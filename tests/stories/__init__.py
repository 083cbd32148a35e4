"""The autumn of 2020 told through the services, on both databases."""
