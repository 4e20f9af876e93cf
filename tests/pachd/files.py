"""What streams of 2.x's files API: a list of one repo, and files that are taken and not kept."""

from collections.abc import AsyncIterator, Mapping

from tests.pachd.call import Call, Stream
from tests.pachd.cluster_v2 import ClusterV2

REPO = b"\x0a\x0e\x0a\x06images\x12\x04user"  # a RepoInfo, of the repo images of type user


class Files(ClusterV2):
    """Looks at who calls, as pachd does before anything else."""

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The calls that stream, by path."""
        return {
            "/pfs_v2.API/ListRepo": self.list_repo,
            "/pfs_v2.API/ModifyFile": self.modify_file,
        }

    async def list_repo(self, call: Call, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        await self.caller(call)
        async for _ in requests:
            yield REPO

    async def modify_file(self, call: Call, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        await self.caller(call)
        async for _ in requests:
            pass
        yield b""  # an Empty
