"""How Hypothesis looks for examples, here and everywhere.

A suite that must pass says the same twice about the same source: its examples are derived from the tests
themselves. To look for new ones, ask for the other profile: `pytest tests/properties
--hypothesis-profile=search`, with `--hypothesis-seed=N` to choose among them. What it finds is pinned with
`@example`. How long an example takes says more about the machine than about us, so nothing is timed.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", settings.get_profile("repeatable"), derandomize=False)
settings.load_profile("repeatable")
