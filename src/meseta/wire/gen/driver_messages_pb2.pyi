from meseta.wire.gen import frameworks_pb2 as _frameworks_pb2
from meseta.wire.gen import ids_pb2 as _ids_pb2
from meseta.wire.gen import machines_pb2 as _machines_pb2
from meseta.wire.gen import offers_pb2 as _offers_pb2
from meseta.wire.gen import tasks_pb2 as _tasks_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FrameworkRegisteredMessage(_message.Message):
    __slots__ = ("framework_id", "master_info")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    MASTER_INFO_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    master_info: _machines_pb2.MasterInfo
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., master_info: _Optional[_Union[_machines_pb2.MasterInfo, _Mapping]] = ...) -> None: ...

class FrameworkReregisteredMessage(_message.Message):
    __slots__ = ("framework_id", "master_info")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    MASTER_INFO_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    master_info: _machines_pb2.MasterInfo
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., master_info: _Optional[_Union[_machines_pb2.MasterInfo, _Mapping]] = ...) -> None: ...

class FrameworkErrorMessage(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class ResourceOffersMessage(_message.Message):
    __slots__ = ("offers", "pids")
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    offers: _containers.RepeatedCompositeFieldContainer[_offers_pb2.Offer]
    pids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, offers: _Optional[_Iterable[_Union[_offers_pb2.Offer, _Mapping]]] = ..., pids: _Optional[_Iterable[str]] = ...) -> None: ...

class RescindResourceOfferMessage(_message.Message):
    __slots__ = ("offer_id",)
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    offer_id: _ids_pb2.OfferID
    def __init__(self, offer_id: _Optional[_Union[_ids_pb2.OfferID, _Mapping]] = ...) -> None: ...

class InverseOffersMessage(_message.Message):
    __slots__ = ("inverse_offers", "pids")
    INVERSE_OFFERS_FIELD_NUMBER: _ClassVar[int]
    PIDS_FIELD_NUMBER: _ClassVar[int]
    inverse_offers: _containers.RepeatedCompositeFieldContainer[_offers_pb2.InverseOffer]
    pids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, inverse_offers: _Optional[_Iterable[_Union[_offers_pb2.InverseOffer, _Mapping]]] = ..., pids: _Optional[_Iterable[str]] = ...) -> None: ...

class RescindInverseOfferMessage(_message.Message):
    __slots__ = ("inverse_offer_id",)
    INVERSE_OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    inverse_offer_id: _ids_pb2.OfferID
    def __init__(self, inverse_offer_id: _Optional[_Union[_ids_pb2.OfferID, _Mapping]] = ...) -> None: ...

class RegisterFrameworkMessage(_message.Message):
    __slots__ = ("framework",)
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    framework: _frameworks_pb2.FrameworkInfo
    def __init__(self, framework: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ...) -> None: ...

class ReregisterFrameworkMessage(_message.Message):
    __slots__ = ("framework", "failover")
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    FAILOVER_FIELD_NUMBER: _ClassVar[int]
    framework: _frameworks_pb2.FrameworkInfo
    failover: bool
    def __init__(self, framework: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ..., failover: _Optional[bool] = ...) -> None: ...

class UnregisterFrameworkMessage(_message.Message):
    __slots__ = ("framework_id",)
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ...) -> None: ...

class DeactivateFrameworkMessage(_message.Message):
    __slots__ = ("framework_id",)
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ...) -> None: ...

class ResourceRequestMessage(_message.Message):
    __slots__ = ("framework_id", "requests")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    requests: _containers.RepeatedCompositeFieldContainer[_offers_pb2.Request]
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., requests: _Optional[_Iterable[_Union[_offers_pb2.Request, _Mapping]]] = ...) -> None: ...

class LaunchTasksMessage(_message.Message):
    __slots__ = ("framework_id", "tasks", "filters", "offer_ids")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    OFFER_IDS_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    tasks: _containers.RepeatedCompositeFieldContainer[_tasks_pb2.TaskInfo]
    filters: _offers_pb2.Filters
    offer_ids: _containers.RepeatedCompositeFieldContainer[_ids_pb2.OfferID]
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[_tasks_pb2.TaskInfo, _Mapping]]] = ..., filters: _Optional[_Union[_offers_pb2.Filters, _Mapping]] = ..., offer_ids: _Optional[_Iterable[_Union[_ids_pb2.OfferID, _Mapping]]] = ...) -> None: ...

class ReviveOffersMessage(_message.Message):
    __slots__ = ("framework_id", "roles")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    roles: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., roles: _Optional[_Iterable[str]] = ...) -> None: ...

class ReconcileTasksMessage(_message.Message):
    __slots__ = ("framework_id", "statuses", "framework")
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    statuses: _containers.RepeatedCompositeFieldContainer[_tasks_pb2.TaskStatus]
    framework: _frameworks_pb2.FrameworkInfo
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., statuses: _Optional[_Iterable[_Union[_tasks_pb2.TaskStatus, _Mapping]]] = ..., framework: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ...) -> None: ...
