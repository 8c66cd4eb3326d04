import re
from pathlib import Path

from tests.reliability.seaweedfs import SOCKETS, seaweedfs


def test_a_server_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    with seaweedfs(tmp_path, {"admin": ["Admin"]}) as server:
        numbers = {str(number) for number in (*server.ports, server.process.pid)}

    left = [path.name for path in SOCKETS.iterdir() if re.match("seaweedfs|weed", path.name)]
    assert [name for name in left if numbers & set(re.findall(r"\d+", name))] == []
