"""The command line: one module per noun. Except for `master` and `agent` it talks only to the HTTP APIs."""
