import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NONE: _ClassVar[Scope]
    READER: _ClassVar[Scope]
    WRITER: _ClassVar[Scope]
    OWNER: _ClassVar[Scope]
NONE: Scope
READER: Scope
WRITER: Scope
OWNER: Scope

class WhoAmIRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhoAmIResponse(_message.Message):
    __slots__ = ("username", "is_admin", "ttl")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    IS_ADMIN_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    username: str
    is_admin: bool
    ttl: int
    def __init__(self, username: _Optional[str] = ..., is_admin: _Optional[bool] = ..., ttl: _Optional[int] = ...) -> None: ...

class GetAdminsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAdminsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAuthTokenRequest(_message.Message):
    __slots__ = ("subject", "ttl")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    subject: str
    ttl: int
    def __init__(self, subject: _Optional[str] = ..., ttl: _Optional[int] = ...) -> None: ...

class GetAuthTokenResponse(_message.Message):
    __slots__ = ("token", "subject")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    token: str
    subject: str
    def __init__(self, token: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...

class ExtendAuthTokenRequest(_message.Message):
    __slots__ = ("token", "ttl")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    token: str
    ttl: int
    def __init__(self, token: _Optional[str] = ..., ttl: _Optional[int] = ...) -> None: ...

class ExtendAuthTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RevokeAuthTokenRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class RevokeAuthTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TokenInfo(_message.Message):
    __slots__ = ("subject", "source")
    class TokenSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INVALID: _ClassVar[TokenInfo.TokenSource]
        AUTHENTICATE: _ClassVar[TokenInfo.TokenSource]
        GET_TOKEN: _ClassVar[TokenInfo.TokenSource]
    INVALID: TokenInfo.TokenSource
    AUTHENTICATE: TokenInfo.TokenSource
    GET_TOKEN: TokenInfo.TokenSource
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    subject: str
    source: TokenInfo.TokenSource
    def __init__(self, subject: _Optional[str] = ..., source: _Optional[_Union[TokenInfo.TokenSource, str]] = ...) -> None: ...

class HashedAuthToken(_message.Message):
    __slots__ = ("hashed_token", "token_info", "expiration")
    HASHED_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_INFO_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    hashed_token: str
    token_info: TokenInfo
    expiration: _timestamp_pb2.Timestamp
    def __init__(self, hashed_token: _Optional[str] = ..., token_info: _Optional[_Union[TokenInfo, _Mapping]] = ..., expiration: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RestoreAuthTokenRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: HashedAuthToken
    def __init__(self, token: _Optional[_Union[HashedAuthToken, _Mapping]] = ...) -> None: ...

class RestoreAuthTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExtractAuthTokensRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExtractAuthTokensResponse(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[HashedAuthToken]
    def __init__(self, tokens: _Optional[_Iterable[_Union[HashedAuthToken, _Mapping]]] = ...) -> None: ...

class SetScopeRequest(_message.Message):
    __slots__ = ("username", "repo", "scope")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    username: str
    repo: str
    scope: Scope
    def __init__(self, username: _Optional[str] = ..., repo: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ...) -> None: ...

class SetScopeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Version(_message.Message):
    __slots__ = ("major", "minor", "micro", "additional")
    MAJOR_FIELD_NUMBER: _ClassVar[int]
    MINOR_FIELD_NUMBER: _ClassVar[int]
    MICRO_FIELD_NUMBER: _ClassVar[int]
    ADDITIONAL_FIELD_NUMBER: _ClassVar[int]
    major: int
    minor: int
    micro: int
    additional: str
    def __init__(self, major: _Optional[int] = ..., minor: _Optional[int] = ..., micro: _Optional[int] = ..., additional: _Optional[str] = ...) -> None: ...

class InspectClusterRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClusterInfo(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...
