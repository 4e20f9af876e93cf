"""The secrets engine: mints, renews and revokes Pachyderm tokens on behalf of Vault."""

VERSION = "0.2.0"
