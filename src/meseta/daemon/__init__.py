"""Composition roots: what `meseta master`, `meseta agent` and `meseta local` put together."""
