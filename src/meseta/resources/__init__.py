"""Resources: what agents have, offers carry and tasks use.

kinds     what makes two resources different: name, reservations, disk, revocable, shared
ranges    sets of integers such as ports
vector    the algebra: sums of quantities of kinds
describe  how resources are written in logs and errors
text      the grammar of --resources
formats   plain records of what is on the wire, old and new format
faults    which records from outside are not resources, and why
"""

from meseta.resources.kinds import Disk, DiskType, Kind, Labels, Reservation, ValueType
from meseta.resources.ranges import Ranges
from meseta.resources.vector import EMPTY, Quantity, Resources, format_resources, from_milli, to_milli

__all__ = [
    "EMPTY",
    "Disk",
    "DiskType",
    "Kind",
    "Labels",
    "Quantity",
    "Ranges",
    "Reservation",
    "Resources",
    "ValueType",
    "format_resources",
    "from_milli",
    "to_milli",
]
