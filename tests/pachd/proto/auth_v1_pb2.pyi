import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClusterRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNDEFINED: _ClassVar[ClusterRole]
    SUPER: _ClassVar[ClusterRole]
    FS: _ClassVar[ClusterRole]

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NONE: _ClassVar[Scope]
    READER: _ClassVar[Scope]
    WRITER: _ClassVar[Scope]
    OWNER: _ClassVar[Scope]
UNDEFINED: ClusterRole
SUPER: ClusterRole
FS: ClusterRole
NONE: Scope
READER: Scope
WRITER: Scope
OWNER: Scope

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

class ClusterRoles(_message.Message):
    __slots__ = ("roles",)
    ROLES_FIELD_NUMBER: _ClassVar[int]
    roles: _containers.RepeatedScalarFieldContainer[ClusterRole]
    def __init__(self, roles: _Optional[_Iterable[_Union[ClusterRole, str]]] = ...) -> None: ...

class ActivateRequest(_message.Message):
    __slots__ = ("github_token", "subject", "root_token")
    GITHUB_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ROOT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    github_token: str
    subject: str
    root_token: str
    def __init__(self, github_token: _Optional[str] = ..., subject: _Optional[str] = ..., root_token: _Optional[str] = ...) -> None: ...

class ActivateResponse(_message.Message):
    __slots__ = ("pach_token",)
    PACH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    pach_token: str
    def __init__(self, pach_token: _Optional[str] = ...) -> None: ...

class DeactivateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeactivateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAdminsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAdminsResponse(_message.Message):
    __slots__ = ("admins",)
    ADMINS_FIELD_NUMBER: _ClassVar[int]
    admins: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, admins: _Optional[_Iterable[str]] = ...) -> None: ...

class ModifyAdminsRequest(_message.Message):
    __slots__ = ("add", "remove")
    ADD_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    add: _containers.RepeatedScalarFieldContainer[str]
    remove: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, add: _Optional[_Iterable[str]] = ..., remove: _Optional[_Iterable[str]] = ...) -> None: ...

class ModifyAdminsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AuthenticateRequest(_message.Message):
    __slots__ = ("github_token", "one_time_password", "oidc_state", "id_token")
    GITHUB_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ONE_TIME_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    OIDC_STATE_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    github_token: str
    one_time_password: str
    oidc_state: str
    id_token: str
    def __init__(self, github_token: _Optional[str] = ..., one_time_password: _Optional[str] = ..., oidc_state: _Optional[str] = ..., id_token: _Optional[str] = ...) -> None: ...

class AuthenticateResponse(_message.Message):
    __slots__ = ("pach_token",)
    PACH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    pach_token: str
    def __init__(self, pach_token: _Optional[str] = ...) -> None: ...

class AuthorizeRequest(_message.Message):
    __slots__ = ("repo", "scope")
    REPO_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    repo: str
    scope: Scope
    def __init__(self, repo: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ...) -> None: ...

class AuthorizeResponse(_message.Message):
    __slots__ = ("authorized",)
    AUTHORIZED_FIELD_NUMBER: _ClassVar[int]
    authorized: bool
    def __init__(self, authorized: _Optional[bool] = ...) -> None: ...

class WhoAmIRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhoAmIResponse(_message.Message):
    __slots__ = ("username", "is_admin", "ttl", "cluster_roles")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    IS_ADMIN_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ROLES_FIELD_NUMBER: _ClassVar[int]
    username: str
    is_admin: bool
    ttl: int
    cluster_roles: ClusterRoles
    def __init__(self, username: _Optional[str] = ..., is_admin: _Optional[bool] = ..., ttl: _Optional[int] = ..., cluster_roles: _Optional[_Union[ClusterRoles, _Mapping]] = ...) -> None: ...

class GetScopeRequest(_message.Message):
    __slots__ = ("username", "repos")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    REPOS_FIELD_NUMBER: _ClassVar[int]
    username: str
    repos: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, username: _Optional[str] = ..., repos: _Optional[_Iterable[str]] = ...) -> None: ...

class GetScopeResponse(_message.Message):
    __slots__ = ("scopes",)
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    scopes: _containers.RepeatedScalarFieldContainer[Scope]
    def __init__(self, scopes: _Optional[_Iterable[_Union[Scope, str]]] = ...) -> None: ...

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

class GetACLRequest(_message.Message):
    __slots__ = ("repo",)
    REPO_FIELD_NUMBER: _ClassVar[int]
    repo: str
    def __init__(self, repo: _Optional[str] = ...) -> None: ...

class ACLEntry(_message.Message):
    __slots__ = ("username", "scope")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    username: str
    scope: Scope
    def __init__(self, username: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ...) -> None: ...

class GetACLResponse(_message.Message):
    __slots__ = ("entries", "robot_entries")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ROBOT_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ACLEntry]
    robot_entries: _containers.RepeatedCompositeFieldContainer[ACLEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[ACLEntry, _Mapping]]] = ..., robot_entries: _Optional[_Iterable[_Union[ACLEntry, _Mapping]]] = ...) -> None: ...

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

class HashedAuthToken(_message.Message):
    __slots__ = ("hashed_token", "token_info", "expiration")
    HASHED_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_INFO_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    hashed_token: str
    token_info: TokenInfo
    expiration: _timestamp_pb2.Timestamp
    def __init__(self, hashed_token: _Optional[str] = ..., token_info: _Optional[_Union[TokenInfo, _Mapping]] = ..., expiration: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExtractAuthTokensRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExtractAuthTokensResponse(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[HashedAuthToken]
    def __init__(self, tokens: _Optional[_Iterable[_Union[HashedAuthToken, _Mapping]]] = ...) -> None: ...

class RestoreAuthTokenRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: HashedAuthToken
    def __init__(self, token: _Optional[_Union[HashedAuthToken, _Mapping]] = ...) -> None: ...

class RestoreAuthTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
