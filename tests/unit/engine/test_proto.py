"""The engine's messages against the simulator's, which were written from pachd's own apart."""

from collections.abc import Sequence
from types import ModuleType

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from shim.grpc import Method
from tests.pachd import PachdV1, PachdV2
from tests.pachd.call import Methods
from tests.pachd.proto import admin_v2_pb2, auth_v1_pb2, auth_v2_pb2, version_pb2
from vault_plugin.pachyderm import v1, v2
from vault_plugin.pachyderm.extract import RawAnswer
from vault_plugin.pachyderm.proto import v1_pb2, v2_pb2

PAIRS = [(v1_pb2, auth_v1_pb2), (v2_pb2, auth_v2_pb2)]
# Messages that are not of the auth service.
ELSEWHERE = {
    "Version": version_pb2,
    "InspectClusterRequest": admin_v2_pb2,
    "ClusterInfo": admin_v2_pb2,
}
# Answers whose names do not follow from their method's.
ANSWERS = {"GetVersion": "Version", "InspectCluster": "ClusterInfo"}
MODULES: list[tuple[ModuleType, type[PachdV1] | type[PachdV2]]] = [(v1, PachdV1), (v2, PachdV2)]


def messages() -> Sequence[object]:
    found = []
    for ours, theirs in PAIRS:
        for name, message in ours.DESCRIPTOR.message_types_by_name.items():
            twin = ELSEWHERE.get(name, theirs).DESCRIPTOR.message_types_by_name[name]
            found.append(pytest.param(message, twin, id=message.full_name))
    return found


def shape(field: FieldDescriptor) -> tuple[object, ...]:
    nested = field.message_type or field.enum_type
    return field.number, field.name, field.type, field.is_repeated, nested and nested.name


@pytest.mark.parametrize(("ours", "theirs"), messages())
def test_every_field_is_theirs(ours: Descriptor, theirs: Descriptor) -> None:
    known = {shape(field) for field in theirs.fields}
    assert {shape(field) for field in ours.fields} <= known


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_every_enum_value_is_theirs(ours: ModuleType, theirs: ModuleType) -> None:
    for name, enum in ours.DESCRIPTOR.enum_types_by_name.items():
        twin = theirs.DESCRIPTOR.enum_types_by_name[name]
        known = {value.name: value.number for value in twin.values}
        assert {value.name: value.number for value in enum.values}.items() <= known.items()


def methods() -> Sequence[object]:
    found = []
    for module, pachd in MODULES:
        services = pachd().services
        found += [
            pytest.param(method, services, id=method.path)
            for method in vars(module).values()
            if isinstance(method, Method)
        ]
    return found


@pytest.mark.parametrize(("method", "services"), methods())
def test_every_method_is_theirs_with_their_message(
    method: Method[Message, Message], services: dict[str, Methods]
) -> None:
    service, _, name = method.path.lstrip("/").rpartition("/")
    request, _ = services[service][name]
    assert method.request.DESCRIPTOR.name == request.DESCRIPTOR.name
    if method.reply is not RawAnswer:  # whose bytes are decoded later, by a message held above
        assert method.reply.DESCRIPTOR.name == ANSWERS.get(name, f"{name}Response")
    assert method.request.DESCRIPTOR.name in ("Empty", f"{name}Request")
