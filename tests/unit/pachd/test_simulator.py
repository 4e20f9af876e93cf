"""What happens to a simulated cluster as a whole: it moves, it is upgraded."""

from grpc import StatusCode

from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.pachd.caller import Caller
from tests.unit.pachd.refused import refused


def test_it_moves_with_its_tokens() -> None:
    with Simulator(PachdV2()) as pachd:
        old = pachd.address
        pachd.move()
        assert pachd.address != old
        with Caller(old) as call, refused(StatusCode.UNAVAILABLE):
            call("/auth_v2.API/WhoAmI", pachd.root_token)
        with Caller(pachd.address) as call:
            assert call("/auth_v2.API/WhoAmI", pachd.root_token).username == "pach:root"
            assert call("/admin_v2.API/InspectCluster").id == pachd.cluster.id


def test_it_becomes_another_at_the_same_address() -> None:
    with Simulator[PachdV1 | PachdV2](PachdV1(release="1.13")) as pachd:
        address = pachd.address
        pachd.become(PachdV2(release="2.0"))
        assert pachd.address == address
        with Caller(address) as call:
            assert call("/versionpb_v2.API/GetVersion").micro == 8
            with refused(StatusCode.UNKNOWN) as told:
                call("/auth.API/WhoAmI", pachd.root_token)
        assert "please upgrade" in told.message
        assert pachd.counts() == {"GetVersion": 1, "WhoAmI": 1}


def test_each_cluster_has_an_id_of_its_own() -> None:
    clusters: list[PachdV1 | PachdV2] = [PachdV1(), PachdV1(), PachdV2(), PachdV2()]
    assert len({cluster.id for cluster in clusters}) == len(clusters)
