"""Results: key ceremony, export, count, canvass, and a publication that no road precedes."""
