from meseta.wire.gen import ids_pb2 as _ids_pb2
from meseta.wire.gen import values_pb2 as _values_pb2
from meseta.wire.gen import containers_pb2 as _containers_pb2
from meseta.wire.gen import commands_pb2 as _commands_pb2
from meseta.wire.gen import resources_pb2 as _resources_pb2
from meseta.wire.gen import tasks_pb2 as _tasks_pb2
from meseta.wire.gen import frameworks_pb2 as _frameworks_pb2
from meseta.wire.gen import offers_pb2 as _offers_pb2
from meseta.wire.gen import machines_pb2 as _machines_pb2
from meseta.wire.gen import statistics_pb2 as _statistics_pb2
from meseta.wire.gen import reports_pb2 as _reports_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar
from meseta.wire.gen.ids_pb2 import FrameworkID as FrameworkID
from meseta.wire.gen.ids_pb2 import AgentID as AgentID
from meseta.wire.gen.ids_pb2 import OfferID as OfferID
from meseta.wire.gen.ids_pb2 import ExecutorID as ExecutorID
from meseta.wire.gen.ids_pb2 import TaskID as TaskID
from meseta.wire.gen.ids_pb2 import ContainerID as ContainerID
from meseta.wire.gen.ids_pb2 import ResourceProviderID as ResourceProviderID
from meseta.wire.gen.ids_pb2 import OperationID as OperationID
from meseta.wire.gen.ids_pb2 import UUID as UUID
from meseta.wire.gen.ids_pb2 import MachineID as MachineID
from meseta.wire.gen.values_pb2 import TimeInfo as TimeInfo
from meseta.wire.gen.values_pb2 import DurationInfo as DurationInfo
from meseta.wire.gen.values_pb2 import Unavailability as Unavailability
from meseta.wire.gen.values_pb2 import Address as Address
from meseta.wire.gen.values_pb2 import URL as URL
from meseta.wire.gen.values_pb2 import DomainInfo as DomainInfo
from meseta.wire.gen.values_pb2 import Value as Value
from meseta.wire.gen.values_pb2 import Attribute as Attribute
from meseta.wire.gen.values_pb2 import Label as Label
from meseta.wire.gen.values_pb2 import Labels as Labels
from meseta.wire.gen.values_pb2 import Parameter as Parameter
from meseta.wire.gen.values_pb2 import Parameters as Parameters
from meseta.wire.gen.values_pb2 import Credential as Credential
from meseta.wire.gen.values_pb2 import Credentials as Credentials
from meseta.wire.gen.values_pb2 import Secret as Secret
from meseta.wire.gen.values_pb2 import Environment as Environment
from meseta.wire.gen.values_pb2 import Port as Port
from meseta.wire.gen.values_pb2 import Ports as Ports
from meseta.wire.gen.values_pb2 import DiscoveryInfo as DiscoveryInfo
from meseta.wire.gen.containers_pb2 import CapabilityInfo as CapabilityInfo
from meseta.wire.gen.containers_pb2 import SeccompInfo as SeccompInfo
from meseta.wire.gen.containers_pb2 import LinuxInfo as LinuxInfo
from meseta.wire.gen.containers_pb2 import RLimitInfo as RLimitInfo
from meseta.wire.gen.containers_pb2 import TTYInfo as TTYInfo
from meseta.wire.gen.containers_pb2 import Image as Image
from meseta.wire.gen.containers_pb2 import MountPropagation as MountPropagation
from meseta.wire.gen.containers_pb2 import Volume as Volume
from meseta.wire.gen.containers_pb2 import NetworkInfo as NetworkInfo
from meseta.wire.gen.containers_pb2 import ContainerInfo as ContainerInfo
from meseta.wire.gen.containers_pb2 import ContainerStatus as ContainerStatus
from meseta.wire.gen.containers_pb2 import CgroupInfo as CgroupInfo
from meseta.wire.gen.containers_pb2 import Device as Device
from meseta.wire.gen.containers_pb2 import DeviceAccess as DeviceAccess
from meseta.wire.gen.containers_pb2 import DeviceWhitelist as DeviceWhitelist
from meseta.wire.gen.commands_pb2 import CommandInfo as CommandInfo
from meseta.wire.gen.commands_pb2 import KillPolicy as KillPolicy
from meseta.wire.gen.commands_pb2 import CheckInfo as CheckInfo
from meseta.wire.gen.commands_pb2 import CheckStatusInfo as CheckStatusInfo
from meseta.wire.gen.commands_pb2 import HealthCheck as HealthCheck
from meseta.wire.gen.resources_pb2 import Resource as Resource
from meseta.wire.gen.resources_pb2 import ResourceProviderInfo as ResourceProviderInfo
from meseta.wire.gen.resources_pb2 import CSIPluginInfo as CSIPluginInfo
from meseta.wire.gen.resources_pb2 import CSIPluginContainerInfo as CSIPluginContainerInfo
from meseta.wire.gen.resources_pb2 import CSIPluginEndpoint as CSIPluginEndpoint
from meseta.wire.gen.tasks_pb2 import ExecutorInfo as ExecutorInfo
from meseta.wire.gen.tasks_pb2 import TaskInfo as TaskInfo
from meseta.wire.gen.tasks_pb2 import TaskGroupInfo as TaskGroupInfo
from meseta.wire.gen.tasks_pb2 import TaskResourceLimitation as TaskResourceLimitation
from meseta.wire.gen.tasks_pb2 import TaskStatus as TaskStatus
from meseta.wire.gen.tasks_pb2 import Task as Task
from meseta.wire.gen.tasks_pb2 import TaskState as TaskState
from meseta.wire.gen.frameworks_pb2 import FrameworkInfo as FrameworkInfo
from meseta.wire.gen.frameworks_pb2 import OfferFilters as OfferFilters
from meseta.wire.gen.frameworks_pb2 import Role as Role
from meseta.wire.gen.frameworks_pb2 import WeightInfo as WeightInfo
from meseta.wire.gen.frameworks_pb2 import RateLimit as RateLimit
from meseta.wire.gen.frameworks_pb2 import RateLimits as RateLimits
from meseta.wire.gen.offers_pb2 import Offer as Offer
from meseta.wire.gen.offers_pb2 import InverseOffer as InverseOffer
from meseta.wire.gen.offers_pb2 import Filters as Filters
from meseta.wire.gen.offers_pb2 import Request as Request
from meseta.wire.gen.offers_pb2 import OperationStatus as OperationStatus
from meseta.wire.gen.offers_pb2 import Operation as Operation
from meseta.wire.gen.offers_pb2 import OperationState as OperationState
from meseta.wire.gen.machines_pb2 import MasterInfo as MasterInfo
from meseta.wire.gen.machines_pb2 import AgentInfo as AgentInfo
from meseta.wire.gen.machines_pb2 import MachineInfo as MachineInfo
from meseta.wire.gen.machines_pb2 import DrainConfig as DrainConfig
from meseta.wire.gen.machines_pb2 import DrainInfo as DrainInfo
from meseta.wire.gen.machines_pb2 import DrainState as DrainState
from meseta.wire.gen.statistics_pb2 import ResourceStatistics as ResourceStatistics
from meseta.wire.gen.statistics_pb2 import ResourceUsage as ResourceUsage
from meseta.wire.gen.statistics_pb2 import DiskStatistics as DiskStatistics
from meseta.wire.gen.statistics_pb2 import PerfStatistics as PerfStatistics
from meseta.wire.gen.statistics_pb2 import TrafficControlStatistics as TrafficControlStatistics
from meseta.wire.gen.statistics_pb2 import IpStatistics as IpStatistics
from meseta.wire.gen.statistics_pb2 import IcmpStatistics as IcmpStatistics
from meseta.wire.gen.statistics_pb2 import TcpStatistics as TcpStatistics
from meseta.wire.gen.statistics_pb2 import UdpStatistics as UdpStatistics
from meseta.wire.gen.statistics_pb2 import SNMPStatistics as SNMPStatistics
from meseta.wire.gen.reports_pb2 import VersionInfo as VersionInfo
from meseta.wire.gen.reports_pb2 import Flag as Flag
from meseta.wire.gen.reports_pb2 import Metric as Metric
from meseta.wire.gen.reports_pb2 import FileInfo as FileInfo
from meseta.wire.gen.reports_pb2 import Status as Status

DESCRIPTOR: _descriptor.FileDescriptor
TASK_STAGING: _tasks_pb2.TaskState
TASK_STARTING: _tasks_pb2.TaskState
TASK_RUNNING: _tasks_pb2.TaskState
TASK_FINISHED: _tasks_pb2.TaskState
TASK_FAILED: _tasks_pb2.TaskState
TASK_KILLED: _tasks_pb2.TaskState
TASK_LOST: _tasks_pb2.TaskState
TASK_ERROR: _tasks_pb2.TaskState
TASK_KILLING: _tasks_pb2.TaskState
TASK_DROPPED: _tasks_pb2.TaskState
TASK_UNREACHABLE: _tasks_pb2.TaskState
TASK_GONE: _tasks_pb2.TaskState
TASK_GONE_BY_OPERATOR: _tasks_pb2.TaskState
TASK_UNKNOWN: _tasks_pb2.TaskState
OPERATION_UNSUPPORTED: _offers_pb2.OperationState
OPERATION_PENDING: _offers_pb2.OperationState
OPERATION_FINISHED: _offers_pb2.OperationState
OPERATION_FAILED: _offers_pb2.OperationState
OPERATION_ERROR: _offers_pb2.OperationState
OPERATION_DROPPED: _offers_pb2.OperationState
OPERATION_UNREACHABLE: _offers_pb2.OperationState
OPERATION_GONE_BY_OPERATOR: _offers_pb2.OperationState
OPERATION_RECOVERING: _offers_pb2.OperationState
OPERATION_UNKNOWN: _offers_pb2.OperationState
UNKNOWN: _machines_pb2.DrainState
DRAINING: _machines_pb2.DrainState
DRAINED: _machines_pb2.DrainState
DRIVER_NOT_STARTED: _reports_pb2.Status
DRIVER_RUNNING: _reports_pb2.Status
DRIVER_ABORTED: _reports_pb2.Status
DRIVER_STOPPED: _reports_pb2.Status
