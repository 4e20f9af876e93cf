"""Access lists of 1.x: one scope for each principal and repo."""

from collections.abc import Iterable

from tests.pachd.proto import auth_v1_pb2 as pb
from tests.pachd.refusal import Refusal
from tests.pachd.subjects import EVERYBODY


class AccessLists:
    """The repos of a cluster with who may do what in them."""

    def __init__(self, repos: Iterable[str], missing: str = "repo {repo} not found") -> None:
        """``missing`` is what is said of a repo that does not exist."""
        self._missing = missing
        self._of: dict[str, dict[str, pb.Scope]] = {repo: {} for repo in repos}

    def add_repo(self, repo: str) -> None:
        self._of.setdefault(repo, {})

    def clear(self) -> None:
        """Forget every entry; the repos stay."""
        self._of = {repo: {} for repo in self._of}

    def entries(self, repo: str) -> dict[str, pb.Scope]:
        """Return a repo's entries by principal; none for a repo that does not exist."""
        return dict(self._of.get(repo, {}))

    def scope(self, repo: str, subject: str) -> pb.Scope:
        """Return what the subject may do, by itself or as one of everybody."""
        entries = self.entries(repo)
        return max(entries.get(EVERYBODY, pb.NONE), entries.get(subject, pb.NONE))

    def require(self, repo: str) -> None:
        if repo not in self._of:
            raise Refusal(self._missing.format(repo=repo))

    def set(self, repo: str, principal: str, scope: pb.Scope) -> None:
        """Replace a principal's entry; NONE removes it."""
        self._of[repo].pop(principal, None)
        if scope != pb.NONE:
            self._of[repo][principal] = scope
