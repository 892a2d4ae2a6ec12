"""The built-in executors: one command per task, and pods. Pure machines that an agent hosts."""
