"""For tests of frameworks and executors: a master and an agent that say what the test tells them.

Both speak the real HTTP APIs on 127.0.0.1, so that what is tested is the real client.
"""

from meseta.testing.fake_agent import FakeAgent
from meseta.testing.fake_master import FakeMaster

__all__ = ["FakeAgent", "FakeMaster"]
