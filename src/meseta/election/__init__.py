"""Which of several masters leads: the pure side of it."""
