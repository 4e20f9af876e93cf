"""Wire messages of the plugin protocol, generated from the .proto files beside them."""
