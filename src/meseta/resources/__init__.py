"""Resources: what agents have, offers carry and tasks use.

kinds      what makes two resources different: name, reservations, disk, revocable, shared
ranges     sets of integers such as ports
vector     the algebra: sums of quantities of kinds; remembered: sums that come again
describe   how resources are written in logs and errors
records    the fields of Resource objects from outside, right or wrong
faults     which of them are no resources or cannot be used, and why
formats    from records to vectors and back, in the old and the new format
text       the grammar of --resources; json_form its JSON, values its values
"""

from meseta.resources.faults import ResourceFault, resources_fault
from meseta.resources.formats import Format, from_records, to_records
from meseta.resources.kinds import Disk, DiskType, Kind, Labels, Reservation, ValueType
from meseta.resources.ranges import Ranges
from meseta.resources.records import ReservationRecord, ResourceRecord
from meseta.resources.remembered import remembered
from meseta.resources.text import parse_resources
from meseta.resources.vector import (
    EMPTY,
    Quantity,
    Resources,
    format_resources,
    from_milli,
    to_milli,
    total_of,
)

__all__ = [
    "EMPTY",
    "Disk",
    "DiskType",
    "Format",
    "Kind",
    "Labels",
    "Quantity",
    "Ranges",
    "Reservation",
    "ReservationRecord",
    "ResourceFault",
    "ResourceRecord",
    "Resources",
    "ValueType",
    "format_resources",
    "from_milli",
    "from_records",
    "parse_resources",
    "remembered",
    "resources_fault",
    "to_milli",
    "to_records",
    "total_of",
]
