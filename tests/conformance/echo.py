"""The one service both sides of these tests speak: an echo, with knobs in the message."""

from __future__ import annotations

from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from shim.grpc import Method

ECHO = Method("/test.Echo/Echo", BytesValue, BytesValue)
#: metadata values of key "k" come back joined by "|"
METADATA = Method("/test.Echo/Metadata", StringValue, StringValue)
#: fails with the status code before ":", the message behind it
FAIL = Method("/test.Echo/Fail", StringValue, StringValue)
#: waits until it is cancelled
HANG = Method("/test.Echo/Hang", StringValue, StringValue)
#: one message in, as many out as it says
COUNT = Method("/test.Echo/Count", StringValue, StringValue)
#: messages in, their sizes' sum out
COLLECT = Method("/test.Echo/Collect", BytesValue, StringValue)
#: message by message
CHAT = Method("/test.Echo/Chat", BytesValue, BytesValue)

UTF8_MESSAGE = "kein Zugriff: 100 % Ärger → 見つからない\n\ttab"
BIG = 20_000_000
