"""Messages that leave the house: queued with the act that caused them, sent after its commit."""
