"""Frameworks that ship with Meseta, built on its SDK."""
