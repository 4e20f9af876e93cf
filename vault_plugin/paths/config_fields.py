"""What can be written to ``config``."""

from __future__ import annotations

from shim import BOOL, COMMA_LIST, DURATION, INT, STRING, Field

FIELDS = {
    "admin_token": Field(
        kind=STRING,
        description="The Pachyderm token the engine mints with. Required on the first write.",
        sensitive=True,
    ),
    "pachd_address": Field(
        kind=STRING,
        description="Where pachd is: host[:port], port 30650 by default; grpc:// or http:// is"
        " plain text, grpcs:// or https:// is TLS. Required on the first write.",
    ),
    "ca_cert": Field(
        kind=STRING,
        description="The authority that signed pachd's certificate, PEM. Unset: those the system"
        " trusts.",
    ),
    "tls_server_name": Field(
        kind=STRING,
        description="The name in pachd's certificate, which pachd is told as its :authority. Unset:"
        " the host of the address.",
    ),
    "ttl": Field(
        kind=DURATION,
        description="How long a lease lasts when a login asks for nothing. Unset: the mount's"
        " default.",
    ),
    "max_ttl": Field(
        kind=DURATION,
        description="How long a lease lasts at most, renewals included. Unset: the mount's"
        " maximum.",
    ),
    "renewable": Field(
        kind=BOOL, description="Whether leases can be renewed, unless a login says. Unset: true."
    ),
    "allowed_subjects": Field(
        kind=COMMA_LIST,
        description="Globs of the subjects that may be logged in. Unset: robot:*.",
    ),
    "denied_subjects": Field(
        kind=COMMA_LIST,
        description="Globs of subjects that may not, whatever allowed_subjects says. Unset: none.",
    ),
    "request_timeout": Field(
        kind=DURATION, description="How long pachd may take to answer, 1s to 60s. Unset: 10s."
    ),
    "max_in_flight": Field(
        kind=INT,
        description="How many calls to pachd run at once, those of its other mounts included; more"
        " wait, and those that would wait in vain are refused with 429. Above 9 a pachd 2.x can"
        " deadlock. Unset: 6.",
    ),
    "crash_safe": Field(
        kind=BOOL,
        description="Whether to mint so that no token is lost when the plugin is killed, at the"
        " price of one more call and two storage writes. Needs clusterAdmin on 2.x. Unset: false.",
    ),
    "rotation_period": Field(
        kind=DURATION,
        description="How often to do what config/rotate does, at least 60s. Unset: never.",
    ),
    "allowed_grants": Field(
        kind=COMMA_LIST,
        description="What roles may grant: globs of grants as roles write them, such as"
        " repo:default/*=repoReader, in which * crosses no /; cluster=<role> without globs. Unset:"
        " none.",
    ),
    "verify": Field(
        kind=BOOL,
        description="Whether to ask pachd before storing. Not stored.",
        default=True,
    ),
    "force": Field(
        kind=BOOL,
        description="Whether to delete the configuration though its admin token is the cluster's"
        " root token and known to the engine alone. Not stored.",
        default=False,
    ),
}
