"""Peers that send whatever they like: the master never fails, its accounts agree, and others are served."""

from __future__ import annotations

import random

import pytest

from tests.properties.hostile_crowd import Crowd
from tests.properties.hostile_world import Honest, World

STEPS = 200


@pytest.mark.parametrize("seed", range(8))
def test_peers_that_lie_even_about_their_names(seed: int) -> None:
    world = World(seed, offer_timeout_s=random.Random(seed).choice([None, 5.0]))
    crowd = Crowd(seed, world, Honest(world), lies=True)
    for _ in range(STEPS):
        crowd.act()
    world.look()


@pytest.mark.parametrize("seed", range(8))
def test_peers_that_behave_are_served_among_those_that_do_not(seed: int) -> None:
    world = World(seed, offer_timeout_s=2.0)
    honest = Honest(world)
    crowd = Crowd(seed, world, honest, lies=False)
    for step in range(STEPS):
        crowd.act()
        honest.tend()
        if step % 25 == 0:
            honest.run_a_task()
    honest.run_a_task()
    world.look()
