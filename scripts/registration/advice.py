"""What to tell an operator whom the server refused, and the rights the work needs."""

import re
from collections.abc import Iterable

from scripts.registration.build import NAME

#: by path; `{within}` is the mounts' namespace with a slash, as the root namespace has it
POLICY = {
    f"sys/plugins/catalog/secret/{NAME}": ("read", "create", "update", "sudo"),
    "{within}sys/mounts": ("read",),
    "{within}sys/mounts/{path}": ("create", "update"),
    "{within}sys/mounts/{path}/tune": ("create", "update"),
    "{within}sys/mounts/{path}-trial": ("create", "update", "delete"),
    "{within}sys/plugins/reload/backend": ("create", "update"),
    "sys/ha-status": ("read",),
}

#: words of the server, the first that is found -> what to do; `{file}` is in plugin_directory
_ADVICE = {
    "plugin directory is not configured": (
        "set plugin_directory in the configuration of every node and restart it"
    ),
    "fork/exec .*: no such file or directory": (
        "the interpreter in the first line of {file} is not on that host: install it, or name "
        "another one, make build FORM=zip INTERPRETER=/path"
    ),
    "no such file or directory": "copy the plugin to plugin_directory/{file} on every node",
    "checksums did not match": (
        "plugin_directory/{file} is not the file that was registered: copy it there anew, on every "
        "node, and run this again"
    ),
    "fork/exec .*: permission denied": (
        "the server's user must be able to run plugin_directory/{file}: chmod 755, on no noexec "
        "mount, in directories open to that user"
    ),
    "has insecure permissions": (
        "chmod go-w what it names, or allow its mode by plugin_file_permissions of the server"
    ),
    "is not owned by my uid": "chown what it names, or allow its owner by plugin_file_uid",
    "plugin version mismatch": (
        "plugin_directory/{file} is a build of another version: copy the right one there"
    ),
    "exec format error|Unrecognized remote plugin message": (
        "plugin_directory/{file} does not start as a plugin; the server's log says more"
    ),
    "active cluster node not found|[Nn]o active": (
        "the cluster elects its active node at this moment: run this again, it goes on"
    ),
    r"(^|\s)[Pp]inned\b(?![/-])": (
        "the server pins a version of the plugin for all mounts, so that none chooses its own: "
        f"delete sys/plugins/pins/secret/{NAME} in the root namespace and run this again"
    ),
    "path is already in use": "choose another --path",
    "namespace not found": "set VAULT_NAMESPACE to a namespace that is there",
    "unsupported path": "this server has no such path: is it Vault 1.12 or newer, or OpenBao?",
}


def policy(paths: Iterable[str], namespace: str) -> str:
    """The policy, in the server's language, that lets its holder bring `paths` to any version.

    It is one of the root namespace, whose the token has to be; the mounts are in `namespace`.
    """
    within = f"{namespace}/" if namespace else ""
    blocks: list[str] = []
    for pattern, capabilities in POLICY.items():
        listed = ", ".join(f'"{capability}"' for capability in capabilities)
        named = dict.fromkeys(pattern.format(path=path, within=within) for path in paths)
        blocks += [f'path "{path}" {{\n  capabilities = [{listed}]\n}}\n' for path in named]
    return "\n".join(blocks)


def on(words: str, file: str) -> str:
    """What to do about a refusal in these `words`, "" where they say it all.

    `file` is the name of the plugin's file in plugin_directory.
    """
    for pattern, advice in _ADVICE.items():
        if re.search(pattern, words):
            return advice.format(file=file)
    return ""
