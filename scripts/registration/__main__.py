"""The command line: `scripts/register`."""

import argparse
import shlex
import sys
from pathlib import Path

from scripts.registration import advice, build
from scripts.registration.build import Build
from scripts.registration.link import UnreachableError, namespace_of
from scripts.registration.nodes import FailedError, unchecked
from scripts.registration.plan import CATALOG, UnfitError, known, named, plan
from scripts.registration.server import Node, RefusedError, Server
from scripts.registration.steps import Step

BUILT = Path(__file__).resolve().parents[2] / "dist" / build.NAME
ABOUT = """\
Make mounts of a Vault or OpenBao server run a version of the plugin: register it, mount it, upgrade
it, roll it back. Without --apply it says what it would do, and does nothing. Where nothing is to be
done, it says so.
"""
ENVIRONMENT = """\
The server and the token come from where the server's own command line takes them: VAULT_ADDR,
VAULT_TOKEN or ~/.vault-token, VAULT_NAMESPACE, VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT,
VAULT_CLIENT_KEY, VAULT_TLS_SERVER_NAME, VAULT_SKIP_VERIFY, or the same with BAO_, which go first.

Exit status: 0 done, planned, or nothing to do; 1 refused or failed; 2 wrong usage.
"""


def options() -> argparse.Namespace:
    """The options as given; ends the process where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="scripts/register", description=ABOUT, epilog=ENVIRONMENT, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--path", action="append", type=_path, metavar="PATH",
        help="the mount, as often as there are mounts (default: pachyderm)",
    )  # fmt: skip
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument(
        "--file", type=Path, default=BUILT, help="the built plugin (default: dist/)"
    )
    wanted.add_argument(
        "--rollback", type=_version, metavar="VERSION",
        help="go back to a version that is registered, instead of to that of the built plugin",
    )  # fmt: skip
    parser.add_argument("--apply", action="store_true", help="do it")
    parser.add_argument(
        "--policy", action="store_true", help="only print the policy that is needed to do it"
    )
    given = parser.parse_args()
    given.path = list(dict.fromkeys(given.path or ["pachyderm"]))
    return given


def _path(text: str) -> str:
    path = text.strip("/")
    if not path or not path.isprintable() or "//" in path:
        raise argparse.ArgumentTypeError(f"{text!r} is no path of a mount")
    return path


def _version(text: str) -> str:
    try:
        return build.canonical(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def bring(given: argparse.Namespace) -> None:
    """Plan, show, and where it is asked for, do. Raises what any of it raises."""
    built = None if given.rollback else build.read(given.file)
    server = Server()
    told = server.state()
    if not told["initialized"]:
        raise UnreachableError(
            f"{server.address} is not initialized: {server.program} operator init"
        )
    if told["sealed"]:
        raise UnreachableError(f"{server.address} is sealed: {server.program} operator unseal")
    server.demand_token()
    if unreached := server.turn_to_active():
        print(
            f"{server.address} stands by and is asked all the same: the active node is not to be "
            f"had from here, {unreached}"
        )
    file = f"{build.NAME}-{given.rollback}" if built is None else built.command
    try:
        wanted = named(server, built) if built else known(server, given.rollback)
        nodes = tuple(server.nodes())
        steps = plan(server, wanted, given.path, nodes)
        demand_rights(server, steps)
    except RefusedError as refused:
        raise UnfitError(explained(refused, server, given.path, file)) from None
    where = f"{server.address}{f' namespace {server.namespace}' if server.namespace else ''}"
    mounts = ", ".join(f"{path}/" for path in given.path)
    if not steps:
        print(f"{where}: nothing to do, {mounts} already has {wanted.version}, {wanted.sha256}.")
        tell_unchecked(server, wanted, given.path[0], nodes)
        return
    print(f"{where}, version {told.get('version') or 'untold'}: {wanted.version} for {mounts}")
    if wanted.file and not given.apply:
        print(f"\nBefore it, on {hosts(nodes)}, with that server's plugin_directory:")
        target = f"plugin_directory/{wanted.command}"
        print(f"    {shlex.join(('install', '-m', '755', str(wanted.file), target))}")
    for number, step in enumerate(steps, 1):
        print(f"\n{number}. {step.what},\n   {step.why}:", flush=True)
        for command in step.commands:
            print(f"    {command.shown(server.program)}", flush=True)
        if given.apply:
            try:
                step.run(server)
            except RefusedError as refused:
                said = explained(refused, server, given.path, wanted.command)
                raise FailedError(said) from None
            except FailedError as failed:
                raise FailedError(advised(str(failed), wanted.command)) from None
            print("   done", flush=True)
    if given.apply:
        print(f"\nDone: {mounts} now has {wanted.version}.")
        tell_unchecked(server, wanted, given.path[0], nodes)
    else:
        print("\nNothing was done. The same with --apply does it.")


def hosts(nodes: tuple[Node, ...]) -> str:
    """The hosts of the cluster, in words."""
    if not nodes:
        return "every node of the cluster (the token may not list them)"
    return ", ".join(node.address for node in nodes)


def tell_unchecked(server: Server, build: Build, path: str, nodes: tuple[Node, ...]) -> None:
    """Name the nodes whose file nobody has seen run, and say how to look at it."""
    if left := list(unchecked(server, path, nodes)):
        print("\nNot checked:", *left, sep="\n    ")
        print(f"On each, this must print {build.sha256}:")
        print(f"    {shlex.join(('sha256sum', f'plugin_directory/{build.command}'))}")


def demand_rights(server: Server, steps: list[Step]) -> None:
    """Raise RefusedError where the token may not do a step, before any is done."""
    for root in (True, False):
        asked = [c for step in steps for c in step.commands if c.root == root]
        if not asked:
            continue
        try:
            paths = list({c.path for c in asked})
            held = server.ask("POST", "sys/capabilities-self", {"paths": paths}, root=root)
        except RefusedError:
            continue  # a token that may not ask what it may is told step by step
        for command in asked:
            path = command.path
            # What is sent with POST is an update of the server's, also where it makes something.
            needed = {"delete" if command.method == "DELETE" else "update"}
            if path == CATALOG:
                needed.add("sudo")
            if not needed.issubset(held[path]) and "root" not in held[path]:
                raise RefusedError(403, "permission denied", path)


def explained(refused: RefusedError, server: Server, paths: list[str], file: str) -> str:
    """What the server said and what to do about it."""
    if refused.status in (401, 403):
        if not any(_takes_token(server, root) for root in (True, False)):
            return (
                "the server does not take the token: it is wrong, has ended, or is another "
                f"namespace's or server's. Run {server.program} login, or set VAULT_TOKEN anew"
            )
        place = " of the root namespace" if server.namespace and CATALOG in refused.path else ""
        return (
            f"the token may not use {refused.path}{place}. It needs this policy, which "
            f"scripts/register --policy prints:\n\n{advice.policy(paths, server.namespace)}"
        )
    return advised(f"{refused.path}: {refused.status} {refused.words}", file)


def advised(said: str, file: str) -> str:
    """What went wrong and what to do about it; `file` is in plugin_directory."""
    what_to_do = advice.on(said, file)
    return f"{said}\nWhat to do: {what_to_do}" if what_to_do else said


def _takes_token(server: Server, root: bool) -> bool:
    """Whether the token is one of the root namespace, or else of the one asked."""
    try:
        server.ask("GET", "auth/token/lookup-self", root=root)
    except RefusedError as refused:
        return refused.status not in (401, 403)
    return True


def main() -> int:
    """Run; give the exit status."""
    given = options()
    if given.policy:
        print(advice.policy(given.path, namespace_of()), end="")
        return 0
    try:
        bring(given)
    except (build.UnusableFileError, UnreachableError, UnfitError, FailedError) as error:
        print(f"register: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("register: broken off; run it again to see what is left to do", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
