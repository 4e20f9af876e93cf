"""Wire messages of pachd's API, generated from the .proto files beside them."""
