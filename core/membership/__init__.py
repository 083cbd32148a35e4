"""The member register: who belongs to the party, how they came in, and when nobody may."""
