"""The edges that touch the operating system: event loop, sockets, files, processes, stores."""
