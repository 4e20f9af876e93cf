"""Role bindings of 2.x: per resource, which principal has which roles, and what follows."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.pachd.proto import auth_v2_pb2 as pb
from tests.pachd.refusal import Refusal
from tests.pachd.roles import ROLES
from tests.pachd.subjects import EVERYBODY

Key = tuple[pb.ResourceType, str]
Entries = dict[str, frozenset[str]]
CLUSTER_KEY: Key = (pb.CLUSTER, "")


def key_of(resource: pb.Resource) -> Key:
    """Identify a resource; whatever its name, there is one cluster."""
    return CLUSTER_KEY if resource.type == pb.CLUSTER else (resource.type, resource.name)


def no_role_binding(key: Key) -> Refusal:
    return Refusal(f"no role binding exists for {pb.ResourceType.Name(key[0])} {key[1]}")


@dataclass
class Evaluation:
    """Which of the wanted permissions a principal has, and by which roles."""

    wanted: list[pb.Permission]
    roles: set[str] = field(default_factory=set)
    satisfied: list[pb.Permission] = field(default_factory=list)

    @property
    def missing(self) -> list[pb.Permission]:
        return [permission for permission in self.wanted if permission not in self.satisfied]

    def add(self, entries: Entries, principal: str) -> None:
        for subject in (principal, EVERYBODY):
            for role in sorted(entries.get(subject, frozenset()) - self.roles):
                granted = set(ROLES[role].permissions)
                self.roles.add(role)
                self.satisfied += [p for p in self.missing if p in granted]


class RoleBindings:
    """The bindings of the cluster, of its projects and of its repos (``project/repo``).

    Where repos are not ``named`` with a project, as before 2.5.0, nor is there a role of one.
    """

    def __init__(
        self, projects: Iterable[str], repos: Iterable[str], *, named: bool = True
    ) -> None:
        self._named = named
        self._roles = {role for role in ROLES if named or not role.startswith("project")}
        self._of: dict[Key, Entries] = {
            **{(pb.PROJECT, project): {} for project in projects},
            **{(pb.REPO, repo): {} for repo in repos},
        }

    def create(self, key: Key, entries: Entries) -> None:
        """Begin the bindings of a resource."""
        self._of[key] = entries

    def get(self, key: Key) -> Entries:
        """Return a copy; empty for a resource that has no binding."""
        return dict(self._of.get(key, {}))

    def set(self, key: Key, principal: str, roles: Iterable[str]) -> None:
        """Replace a principal's whole entry; no roles remove it."""
        wanted = frozenset(roles)
        for role in wanted - self._roles:
            raise Refusal(f'unknown role "{role}"')
        if key not in self._of:
            raise no_role_binding(key)
        self._of[key].pop(principal, None)
        if wanted:
            self._of[key][principal] = wanted

    def evaluate(
        self, principal: str, resource: pb.Resource, wanted: Iterable[pb.Permission]
    ) -> Evaluation:
        """Ask the cluster first, then the project, then the repo, until all is satisfied."""
        evaluation = Evaluation(list(wanted))
        for key in self._path(resource):
            if key not in self._of:
                raise no_role_binding(key)
            evaluation.add(self._of[key], principal)
            if not evaluation.missing:
                break
        return evaluation

    def _path(self, resource: pb.Resource) -> Iterable[Key]:
        """Name the resources whose bindings count, widest first."""
        yield CLUSTER_KEY
        if resource.type == pb.CLUSTER:
            return
        if resource.type == pb.REPO and self._named:
            project, slash, repo = resource.name.partition("/")
            if not slash or "/" in repo:
                raise Refusal(f"invalid resource name {resource.name}")
            yield pb.PROJECT, project
        yield resource.type, resource.name
