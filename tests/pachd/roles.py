"""What each role of 2.x may do, and for which kinds of resource it is told."""

from dataclasses import dataclass
from typing import cast

from tests.pachd.proto import auth_v2_pb2 as pb

# The wrapper of an enum tells its values as plain numbers.
EVERY_PERMISSION = cast("list[pb.Permission]", pb.Permission.values())


@dataclass(frozen=True)
class Role:
    permissions: tuple[pb.Permission, ...]
    told_for: tuple[pb.ResourceType, ...]


_READ = (
    pb.REPO_READ,
    pb.REPO_INSPECT_COMMIT,
    pb.REPO_LIST_COMMIT,
    pb.REPO_LIST_BRANCH,
    pb.REPO_LIST_FILE,
    pb.REPO_INSPECT_FILE,
    pb.REPO_ADD_PIPELINE_READER,
    pb.REPO_REMOVE_PIPELINE_READER,
    pb.PIPELINE_LIST_JOB,
)
_WRITE = (
    *_READ,
    pb.REPO_WRITE,
    pb.REPO_DELETE_COMMIT,
    pb.REPO_CREATE_BRANCH,
    pb.REPO_DELETE_BRANCH,
    pb.REPO_ADD_PIPELINE_WRITER,
)
_OWN = (*_WRITE, pb.REPO_MODIFY_BINDINGS, pb.REPO_DELETE)
_PROJECT_WRITE = (pb.PROJECT_LIST_REPO, pb.PROJECT_CREATE_REPO)
_PROJECT_OWN = (
    *_OWN,
    *_PROJECT_WRITE,
    pb.PROJECT_DELETE,
    pb.PROJECT_MODIFY_BINDINGS,
    pb.PROJECT_SET_DEFAULTS,
)

_CLUSTER_ROLES = {
    "oidcAppAdmin": (
        pb.CLUSTER_IDENTITY_DELETE_OIDC_CLIENT,
        pb.CLUSTER_IDENTITY_CREATE_OIDC_CLIENT,
        pb.CLUSTER_IDENTITY_UPDATE_OIDC_CLIENT,
        pb.CLUSTER_IDENTITY_LIST_OIDC_CLIENTS,
        pb.CLUSTER_IDENTITY_GET_OIDC_CLIENT,
    ),
    "idpAdmin": (
        pb.CLUSTER_IDENTITY_CREATE_IDP,
        pb.CLUSTER_IDENTITY_UPDATE_IDP,
        pb.CLUSTER_IDENTITY_LIST_IDPS,
        pb.CLUSTER_IDENTITY_GET_IDP,
        pb.CLUSTER_IDENTITY_DELETE_IDP,
    ),
    "identityAdmin": (pb.CLUSTER_IDENTITY_SET_CONFIG, pb.CLUSTER_IDENTITY_GET_CONFIG),
    "debugger": (pb.CLUSTER_DEBUG_DUMP, pb.CLUSTER_GET_PACHD_LOGS, pb.CLUSTER_GET_LOKI_LOGS),
    "lokiLogReader": (pb.CLUSTER_GET_LOKI_LOGS,),
    "robotUser": (pb.CLUSTER_AUTH_GET_ROBOT_TOKEN,),
    "licenseAdmin": (
        pb.CLUSTER_LICENSE_ACTIVATE,
        pb.CLUSTER_LICENSE_GET_CODE,
        pb.CLUSTER_LICENSE_ADD_CLUSTER,
        pb.CLUSTER_LICENSE_UPDATE_CLUSTER,
        pb.CLUSTER_LICENSE_DELETE_CLUSTER,
        pb.CLUSTER_LICENSE_LIST_CLUSTERS,
    ),
    "secretAdmin": (
        pb.CLUSTER_CREATE_SECRET,
        pb.CLUSTER_LIST_SECRETS,
        pb.SECRET_INSPECT,
        pb.SECRET_DELETE,
    ),
    "pachdLogReader": (pb.CLUSTER_GET_PACHD_LOGS,),
    "projectCreator": (pb.PROJECT_CREATE,),
}

ROLES = {
    "repoReader": Role(_READ, (pb.REPO,)),
    "repoWriter": Role(_WRITE, (pb.REPO,)),
    "repoOwner": Role(_OWN, (pb.REPO,)),
    "projectViewer": Role((pb.PROJECT_LIST_REPO,), (pb.PROJECT,)),
    "projectWriter": Role(_PROJECT_WRITE, (pb.PROJECT,)),
    "projectOwner": Role(_PROJECT_OWN, (pb.PROJECT, pb.REPO)),
    **{name: Role(permissions, (pb.CLUSTER,)) for name, permissions in _CLUSTER_ROLES.items()},
    "clusterAdmin": Role(tuple(EVERY_PERMISSION[1:]), (pb.CLUSTER, pb.PROJECT, pb.REPO)),
}
