"""Runs a simulated pachd until it gets SIGINT or SIGTERM.

Prints one line when it is ready, ``ADDRESS TOKEN``: where it listens and the first admin's token
(which is not valid yet where auth is not active).
"""

import argparse
import signal
from pathlib import Path

from tests.pachd import Auth, Certificate, PachdV1, PachdV2, Simulator
from tests.pachd.releases import V1_RELEASES, V2_RELEASES

NEWEST = {1: "1.13", 2: "2.11"}  # of each generation


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.pachd", description=__doc__)
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--release", choices=[*V1_RELEASES, *V2_RELEASES], help="of Pachyderm")
    which.add_argument("--generation", type=int, choices=(1, 2), help="1: 1.13, 2: 2.11")
    add("--address", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0: any free one")
    add("--tls-cert", type=Path, metavar="FILE", help="PEM; serve TLS (needs --tls-key)")
    add("--tls-key", type=Path, metavar="FILE", help="PEM")
    add("--root-token", metavar="TOKEN", help="the first admin's token; default: random")
    add("--admin", default="robot:admin", metavar="SUBJECT", help="1.x: the first admin")
    add("--auth", type=Auth, choices=list(Auth), default=Auth.ACTIVE, help="state of activation")
    add("--repo", action="append", metavar="NAME", help="a repo; since 2.5 PROJECT/REPO")
    add("--project", action="append", metavar="NAME", help="since 2.5: a project; repeatable")
    add("--identity-provider", action="append", metavar="NAME", help="1.x: repeatable")
    add("--root-token-in-environment", action="store_true", help="2.x: refuse RotateRootToken")
    add("--enterprise-expired", action="store_true", help="the licence has run out")
    return parser


def cluster(options: argparse.Namespace) -> PachdV1 | PachdV2:
    """Build the cluster the options describe."""
    pachd: PachdV1 | PachdV2
    if options.release in V1_RELEASES:
        pachd = PachdV1(
            release=options.release,
            auth=options.auth,
            root_token=options.root_token,
            admin=options.admin,
            identity_providers=options.identity_provider or ["GitHub"],
            repos=options.repo or ["images"],
        )
    else:
        pachd = PachdV2(
            release=options.release,
            active=options.auth is Auth.ACTIVE,
            root_token=options.root_token,
            root_token_in_environment=options.root_token_in_environment,
            projects=options.project,
            repos=options.repo,
        )
    pachd.enterprise_active = not options.enterprise_expired
    return pachd


def main() -> None:
    parser = arguments()
    options = parser.parse_args()
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")
    options.release = options.release or NEWEST[options.generation]
    if options.release in V2_RELEASES and options.auth is Auth.PARTIAL:
        parser.error("auth of 2.x is either inactive or active")
    certificate = None
    if options.tls_cert is not None:
        certificate = Certificate(options.tls_cert.read_bytes(), options.tls_key.read_bytes())
    host, _, port = options.address.rpartition(":")
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before the server's threads begin
    with Simulator(
        cluster(options), host=host.strip("[]"), port=int(port), certificate=certificate
    ) as pachd:
        print(pachd.address, pachd.root_token, flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
