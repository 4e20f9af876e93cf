"""What builds, registers and shows the plugin; none of it is in the built file."""
