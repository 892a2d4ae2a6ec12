"""The life of a container, from its plan to its end, without doing any of it."""
