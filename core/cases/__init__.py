"""Complaints: from a call or a mail to a decision, a remedy and an appeal."""
