from meseta.wire.gen import frameworks_pb2 as _frameworks_pb2
from meseta.wire.gen import ids_pb2 as _ids_pb2
from meseta.wire.gen import scheduler_pb2 as _scheduler_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Call(_message.Message):
    __slots__ = ("framework_id", "type", "subscribe", "accept", "decline", "kill", "shutdown", "acknowledge", "reconcile", "message", "request", "accept_inverse_offers", "decline_inverse_offers", "revive", "suppress", "acknowledge_operation_status", "reconcile_operations", "update_framework")
    class Subscribe(_message.Message):
        __slots__ = ("framework_info", "force", "suppressed_roles", "offer_constraints")
        FRAMEWORK_INFO_FIELD_NUMBER: _ClassVar[int]
        FORCE_FIELD_NUMBER: _ClassVar[int]
        SUPPRESSED_ROLES_FIELD_NUMBER: _ClassVar[int]
        OFFER_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
        framework_info: _frameworks_pb2.FrameworkInfo
        force: bool
        suppressed_roles: _containers.RepeatedScalarFieldContainer[str]
        offer_constraints: _scheduler_pb2.OfferConstraints
        def __init__(self, framework_info: _Optional[_Union[_frameworks_pb2.FrameworkInfo, _Mapping]] = ..., force: _Optional[bool] = ..., suppressed_roles: _Optional[_Iterable[str]] = ..., offer_constraints: _Optional[_Union[_scheduler_pb2.OfferConstraints, _Mapping]] = ...) -> None: ...
    FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    KILL_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    RECONCILE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_INVERSE_OFFERS_FIELD_NUMBER: _ClassVar[int]
    DECLINE_INVERSE_OFFERS_FIELD_NUMBER: _ClassVar[int]
    REVIVE_FIELD_NUMBER: _ClassVar[int]
    SUPPRESS_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_OPERATION_STATUS_FIELD_NUMBER: _ClassVar[int]
    RECONCILE_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    framework_id: _ids_pb2.FrameworkID
    type: _scheduler_pb2.Call.Type
    subscribe: Call.Subscribe
    accept: _scheduler_pb2.Call.Accept
    decline: _scheduler_pb2.Call.Decline
    kill: _scheduler_pb2.Call.Kill
    shutdown: _scheduler_pb2.Call.Shutdown
    acknowledge: _scheduler_pb2.Call.Acknowledge
    reconcile: _scheduler_pb2.Call.Reconcile
    message: _scheduler_pb2.Call.Message
    request: _scheduler_pb2.Call.Request
    accept_inverse_offers: _scheduler_pb2.Call.AcceptInverseOffers
    decline_inverse_offers: _scheduler_pb2.Call.DeclineInverseOffers
    revive: _scheduler_pb2.Call.Revive
    suppress: _scheduler_pb2.Call.Suppress
    acknowledge_operation_status: _scheduler_pb2.Call.AcknowledgeOperationStatus
    reconcile_operations: _scheduler_pb2.Call.ReconcileOperations
    update_framework: _scheduler_pb2.Call.UpdateFramework
    def __init__(self, framework_id: _Optional[_Union[_ids_pb2.FrameworkID, _Mapping]] = ..., type: _Optional[_Union[_scheduler_pb2.Call.Type, str]] = ..., subscribe: _Optional[_Union[Call.Subscribe, _Mapping]] = ..., accept: _Optional[_Union[_scheduler_pb2.Call.Accept, _Mapping]] = ..., decline: _Optional[_Union[_scheduler_pb2.Call.Decline, _Mapping]] = ..., kill: _Optional[_Union[_scheduler_pb2.Call.Kill, _Mapping]] = ..., shutdown: _Optional[_Union[_scheduler_pb2.Call.Shutdown, _Mapping]] = ..., acknowledge: _Optional[_Union[_scheduler_pb2.Call.Acknowledge, _Mapping]] = ..., reconcile: _Optional[_Union[_scheduler_pb2.Call.Reconcile, _Mapping]] = ..., message: _Optional[_Union[_scheduler_pb2.Call.Message, _Mapping]] = ..., request: _Optional[_Union[_scheduler_pb2.Call.Request, _Mapping]] = ..., accept_inverse_offers: _Optional[_Union[_scheduler_pb2.Call.AcceptInverseOffers, _Mapping]] = ..., decline_inverse_offers: _Optional[_Union[_scheduler_pb2.Call.DeclineInverseOffers, _Mapping]] = ..., revive: _Optional[_Union[_scheduler_pb2.Call.Revive, _Mapping]] = ..., suppress: _Optional[_Union[_scheduler_pb2.Call.Suppress, _Mapping]] = ..., acknowledge_operation_status: _Optional[_Union[_scheduler_pb2.Call.AcknowledgeOperationStatus, _Mapping]] = ..., reconcile_operations: _Optional[_Union[_scheduler_pb2.Call.ReconcileOperations, _Mapping]] = ..., update_framework: _Optional[_Union[_scheduler_pb2.Call.UpdateFramework, _Mapping]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("type", "subscribed", "offers", "rescind", "update", "message", "failure", "error", "inverse_offers", "rescind_inverse_offer", "update_operation_status")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    RESCIND_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    INVERSE_OFFERS_FIELD_NUMBER: _ClassVar[int]
    RESCIND_INVERSE_OFFER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_OPERATION_STATUS_FIELD_NUMBER: _ClassVar[int]
    type: _scheduler_pb2.Event.Type
    subscribed: _scheduler_pb2.Event.Subscribed
    offers: _scheduler_pb2.Event.Offers
    rescind: _scheduler_pb2.Event.Rescind
    update: _scheduler_pb2.Event.Update
    message: _scheduler_pb2.Event.Message
    failure: _scheduler_pb2.Event.Failure
    error: _scheduler_pb2.Event.Error
    inverse_offers: _scheduler_pb2.Event.InverseOffers
    rescind_inverse_offer: _scheduler_pb2.Event.RescindInverseOffer
    update_operation_status: _scheduler_pb2.Event.UpdateOperationStatus
    def __init__(self, type: _Optional[_Union[_scheduler_pb2.Event.Type, str]] = ..., subscribed: _Optional[_Union[_scheduler_pb2.Event.Subscribed, _Mapping]] = ..., offers: _Optional[_Union[_scheduler_pb2.Event.Offers, _Mapping]] = ..., rescind: _Optional[_Union[_scheduler_pb2.Event.Rescind, _Mapping]] = ..., update: _Optional[_Union[_scheduler_pb2.Event.Update, _Mapping]] = ..., message: _Optional[_Union[_scheduler_pb2.Event.Message, _Mapping]] = ..., failure: _Optional[_Union[_scheduler_pb2.Event.Failure, _Mapping]] = ..., error: _Optional[_Union[_scheduler_pb2.Event.Error, _Mapping]] = ..., inverse_offers: _Optional[_Union[_scheduler_pb2.Event.InverseOffers, _Mapping]] = ..., rescind_inverse_offer: _Optional[_Union[_scheduler_pb2.Event.RescindInverseOffer, _Mapping]] = ..., update_operation_status: _Optional[_Union[_scheduler_pb2.Event.UpdateOperationStatus, _Mapping]] = ...) -> None: ...
