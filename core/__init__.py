"""What the committee has decided: the rules, records and acts of an online primary."""
