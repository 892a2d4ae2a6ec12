"""The master as a pure machine: it offers agents' resources to frameworks and keeps account of tasks.

Start with `events` (what can happen), `effects` (what is done about it) and `master.HANDLERS` (which
function answers which event).
"""
