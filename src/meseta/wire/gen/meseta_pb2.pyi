from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FrameworkOptions(_message.Message):
    __slots__ = ("roles", "revocation_notices")
    class Role(_message.Message):
        __slots__ = ("offer_filter", "demand")
        class DemandEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: float
            def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
        OFFER_FILTER_FIELD_NUMBER: _ClassVar[int]
        DEMAND_FIELD_NUMBER: _ClassVar[int]
        offer_filter: str
        demand: _containers.ScalarMap[str, float]
        def __init__(self, offer_filter: _Optional[str] = ..., demand: _Optional[_Mapping[str, float]] = ...) -> None: ...
    class RolesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: FrameworkOptions.Role
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[FrameworkOptions.Role, _Mapping]] = ...) -> None: ...
    ROLES_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_NOTICES_FIELD_NUMBER: _ClassVar[int]
    roles: _containers.MessageMap[str, FrameworkOptions.Role]
    revocation_notices: bool
    def __init__(self, roles: _Optional[_Mapping[str, FrameworkOptions.Role]] = ..., revocation_notices: _Optional[bool] = ...) -> None: ...
