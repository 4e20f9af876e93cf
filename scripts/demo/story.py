"""The story: what an operator, an application and a security team do, step by step, each proved."""

import hashlib
import time

from scripts.demo.stage import PLUGIN_FILE, PLUGIN_NAME, Cluster, Stage
from scripts.demo.terminal import Terminal

REVOKED_WITHIN = 10.0  # seconds; the server revokes in the background
POLICY = 'path "pachyderm/login/robot:test" { capabilities = ["create", "update"] }\n'


def tell(stage: Stage, terminal: Terminal) -> None:
    """Tell it all. Raises BrokenStoryError at the first step that goes otherwise."""
    if terminal.program != "vault":
        terminal.say(f"This is OpenBao. With Vault, type vault where it says {terminal.program}.")
    install(stage, terminal)
    for cluster in (stage.v2, stage.v1):
        configure(terminal, cluster)
    lease(terminal, stage.v2)
    lease(terminal, stage.v1)
    loose_token(terminal, stage.v2)
    loose_token(terminal, stage.v1)
    renew_loose_token(terminal, stage)
    policy(stage, terminal)
    killed(stage, terminal)


def install(stage: Stage, terminal: Terminal) -> None:
    """Register the built file and mount it, once for each cluster."""
    terminal.heading("Install: one file, pinned by its sha256, mounted once for each cluster")
    sha256 = hashlib.sha256(PLUGIN_FILE.read_bytes()).hexdigest()
    terminal.run("plugin", "register", f"-sha256={sha256}", "secret", PLUGIN_NAME)
    for cluster in (stage.v2, stage.v1):
        terminal.run("secrets", "enable", f"-path={cluster.mount}", PLUGIN_NAME)
    processes = len(stage.server.plugin_pids(PLUGIN_NAME))
    terminal.say(f"Two mounts, plugin processes: {processes}")
    terminal.expect(processes == 1, "both mounts to share one process")


def configure(terminal: Terminal, cluster: Cluster) -> None:
    """Tell a mount its cluster, and ask the cluster's version through it."""
    terminal.heading(f"Configure {cluster.mount}/ for a Pachyderm {cluster.title} cluster")
    terminal.run(
        "write", f"{cluster.mount}/config", f"admin_token={cluster.admin_token}",
        f"pachd_address={cluster.address}", "ttl=5m",
    )  # fmt: skip
    stored = terminal.run("read", f"{cluster.mount}/config")
    terminal.expect(stored["pachd_address"] == cluster.address, "the address to be read back")
    terminal.expect(cluster.admin_token not in stored.values(), "the admin token to stay inside")
    versions = terminal.run("read", f"{cluster.mount}/version")
    major = cluster.title[0]
    terminal.expect(versions["server-version"].lstrip("v").startswith(major), f"pachd {major}")
    terminal.run("read", f"{cluster.mount}/version/client-only")


def login(terminal: Terminal, cluster: Cluster, *, token: str | None = None) -> tuple[str, str]:
    """Log robot:test in; give the lease's id and Pachyderm's token, proved to work."""
    answer = terminal.run("write", "-f", f"{cluster.mount}/login/robot:test", token=token)
    terminal.expect(answer["pachd_address"] == cluster.address, "the cluster's address")
    subject = whose(terminal, cluster, answer["user_token"])
    terminal.expect(subject == "robot:test", "pachd to know the token as robot:test")
    return answer["lease_id"], answer["user_token"]


def whose(terminal: Terminal, cluster: Cluster, token: str) -> str | None:
    """Ask pachd whose token this is, and show it."""
    subject, words = cluster.whose(token)
    terminal.say(f"pachd {cluster.title}, asked with {token} who that is: {words}")
    return subject


def see_it_dead(terminal: Terminal, cluster: Cluster, token: str) -> None:
    """Wait for pachd to refuse a token, and show it."""
    deadline = time.monotonic() + REVOKED_WITHIN
    while cluster.whose(token)[0] and time.monotonic() < deadline:
        time.sleep(0.05)
    terminal.expect(whose(terminal, cluster, token) is None, "pachd to refuse the token")


def lease(terminal: Terminal, cluster: Cluster) -> None:
    """A lease's life: login, lookup, renewal, revocation."""
    terminal.heading(f"A token on a lease, Pachyderm {cluster.title}")
    lease_id, token = login(terminal, cluster)
    looked_up = terminal.run("write", "sys/leases/lookup", f"lease_id={lease_id}")
    terminal.expect(looked_up["ttl"].startswith(("4m", "5m")), "just under 5 minutes to be left")
    renewed = terminal.run("write", "sys/leases/renew", f"lease_id={lease_id}", "increment=3600")
    terminal.expect(renewed["lease_duration"] == "1h", "the lease to last an hour")
    terminal.expect(cluster.whose(token)[0] == "robot:test", "the token to live on")
    terminal.run("lease", "revoke", lease_id)
    see_it_dead(terminal, cluster, token)


def loose_token(terminal: Terminal, cluster: Cluster) -> None:
    """Revoke a token known by its text."""
    terminal.heading(f"A token that leaked, Pachyderm {cluster.title}")
    _, token = login(terminal, cluster)
    terminal.run("write", f"{cluster.mount}/revoke", f"user_token={token}")
    see_it_dead(terminal, cluster, token)


def renew_loose_token(terminal: Terminal, stage: Stage) -> None:
    """Renew a token known by its text: 1.x can, 2.x cannot."""
    terminal.heading("A token used outside its lease")
    _, token = login(terminal, stage.v1)
    renewed = terminal.run(
        "write", f"{stage.v1.mount}/renew", f"user_token={token}", "increment=30m"
    )
    terminal.expect(renewed["ttl"] in {"1800", "30m"}, "the token to last half an hour")
    terminal.say("Pachyderm 2.x extends no token: there the lease is renewed.")
    _, token = login(terminal, stage.v2)
    terminal.run(
        "write",
        f"{stage.v2.mount}/renew",
        f"user_token={token}",
        "increment=30m",
        refused="cannot extend a token",
    )


def policy(stage: Stage, terminal: Terminal) -> None:
    """An application may log in as its own robot alone; what it got dies with its own token."""
    terminal.heading("An application, its policy, and its end")
    (stage.server.directory / "app.hcl").write_text(POLICY)
    terminal.say(f"app.hcl: {POLICY.strip()}")
    terminal.run("policy", "write", "app", "app.hcl")
    app = terminal.run("token", "create", "-policy=app")["token"]
    _, token = login(terminal, stage.v2, token=app)
    terminal.run(
        "write", "-f", "pachyderm/login/robot:other", token=app, refused="permission denied"
    )
    terminal.run("token", "revoke", app)
    see_it_dead(terminal, stage.v2, token)


def killed(stage: Stage, terminal: Terminal) -> None:
    """The server starts a plugin that died anew, and the request is served."""
    terminal.heading("The plugin is killed: the next request is served all the same")
    pid = stage.server.kill_plugin(PLUGIN_NAME)
    terminal.say(f"kill -9 {pid}")
    for cluster in (stage.v2, stage.v1):
        login(terminal, cluster)
