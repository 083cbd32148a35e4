"""One vote per IIN, mobile number and address: sign-in, sealed ballots, rejections, turnout."""
