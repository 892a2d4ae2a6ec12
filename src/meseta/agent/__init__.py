"""The agent: registers its machine's resources with the master and runs what the master sends."""
