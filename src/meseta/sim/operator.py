"""An operator who sets and removes quotas and weights at random, and takes all quotas away in the end.

What is asked is often wrong, or more than there is: then it must come to nothing. With quotas a framework may
be left without what it wants for good; so that a run comes to rest, there are none after the heal.
"""

from __future__ import annotations

from meseta.master import events as e
from meseta.sim.cluster import Cluster

CLEAN_UP_EVERY_S = 2.0
FORCE = 0.4
"""Likelihood that a quota is set whatever else is so."""
AMOUNTS = {"cpus": (0.0, 0.5, 1.0, 2.0, 5.0), "mem": (0.0, 256.0, 2048.0)}


class Operator:
    """The operator of one run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._chance = cluster.world.chance("operator")
        self._roles = sorted({temper.role.partition("/")[0] for temper in cluster.plan.frameworks})
        self._over = False

    def start(self) -> None:
        """Begin to act, if the plan has an operator."""
        if self._cluster.plan.operator_s:
            self._act_later()

    def clean_up(self) -> None:
        """Take all quotas away; try again until there are none."""
        self._over = True
        state = self._cluster.state
        if state is not None:
            for role in list(state.asked.quotas):
                self._remove(role)
        self._world.after(CLEAN_UP_EVERY_S, self.clean_up)

    def _act_later(self) -> None:
        self._world.after(self._chance.expovariate(1 / self._cluster.plan.operator_s), self._act)

    def _act(self) -> None:
        if self._over:
            return
        act = self._chance.choice((self._update, self._update, self._set, self._remove_any, self._weigh))
        act()
        self._act_later()

    def _role(self) -> str:
        return self._chance.choice(self._roles)

    def _bounds(self) -> dict[str, float]:
        names = [name for name in AMOUNTS if self._chance.random() < 0.6]
        return {name: self._chance.choice(AMOUNTS[name]) for name in names}

    def _update(self) -> None:
        roles = [self._role() for _ in range(self._chance.randint(1, 2))]
        configs = tuple(
            e.QuotaConfig(role=role, guarantees=self._bounds(), limits=self._bounds()) for role in roles
        )
        force = self._chance.random() < FORCE
        self._cluster.operate(
            lambda request: e.QuotaUpdateRequested(request=request, configs=configs, force=force)
        )

    def _set(self) -> None:
        role = self._role()
        guarantee = {name: round(1000 * amount) for name, amount in self._bounds().items()}
        force = self._chance.random() < FORCE
        self._cluster.operate(
            lambda request: e.QuotaSetRequested(request=request, role=role, guarantee=guarantee, force=force)
        )

    def _remove_any(self) -> None:
        self._remove(self._role())

    def _remove(self, role: str) -> None:
        self._cluster.operate(lambda request: e.QuotaRemovalRequested(request=request, role=role))

    def _weigh(self) -> None:
        weights = ((self._role(), self._chance.choice((0.0, 0.5, 1.0, 3.0))),)
        self._cluster.operate(lambda request: e.WeightsUpdateRequested(request=request, weights=weights))
