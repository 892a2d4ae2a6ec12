"""Finding the master that leads, and being one that may: behind one interface for each, by service."""
