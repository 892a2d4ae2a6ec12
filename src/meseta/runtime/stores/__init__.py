"""Where the master's registry is kept: stores of records behind one interface, and who writes to them."""
