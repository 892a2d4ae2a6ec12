"""The production code on a virtual cluster: real machines, simulated time, network, disks and processes.

Start with `simulation`, which puts a world together and runs it; `main` is the command line.
"""
