from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class AuthenticateMessage(_message.Message):
    __slots__ = ("pid",)
    PID_FIELD_NUMBER: _ClassVar[int]
    pid: str
    def __init__(self, pid: _Optional[str] = ...) -> None: ...

class AuthenticationMechanismsMessage(_message.Message):
    __slots__ = ("mechanisms",)
    MECHANISMS_FIELD_NUMBER: _ClassVar[int]
    mechanisms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mechanisms: _Optional[_Iterable[str]] = ...) -> None: ...

class AuthenticationStartMessage(_message.Message):
    __slots__ = ("mechanism", "data")
    MECHANISM_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    mechanism: str
    data: bytes
    def __init__(self, mechanism: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class AuthenticationStepMessage(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class AuthenticationCompletedMessage(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuthenticationFailedMessage(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuthenticationErrorMessage(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: str
    def __init__(self, error: _Optional[str] = ...) -> None: ...
