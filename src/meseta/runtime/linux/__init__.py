"""What Meseta does on a Linux machine: processes and their supervisor, control groups, facts, usage."""
