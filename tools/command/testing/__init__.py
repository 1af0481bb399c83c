"""`ebbrt test`: every kind of test of the project behind one command."""
