"""Reading a tar of 300 MB takes no more memory than reading a small one."""

import subprocess
import sys
from pathlib import Path

import pytest

# Clips of 250 kB; their bytes are holes of the file.
READ = """
import sys, tarfile
from dataclasses import replace
from pathlib import Path
from hugflow.clients.repository import PublishedFile
from hugflow.shards.layouts import table_archives, webdataset
from hugflow.shards.plan import Shard, to_detail

name, folder = sys.argv[1], Path(sys.argv[2])
tar, table = folder / "a.tar", folder / "t.csv"
layout, detail = {
    "webdataset": (webdataset, {"columns": {"audio": {"fields": ["wav"], "type": "audio"}}}),
    "table_archives": (
        table_archives,
        {
            "tables": ["t.csv"], "headers": [True], "from": "path", "audio": "audio",
            "columns": ["audio", "path"], "rename": {}, "is_alone": True,
        },
    ),
}[name]


def peak_mb(count):
    with tar.open("wb") as file:
        for number in range(count):
            info = tarfile.TarInfo(f"c{number}.wav")
            info.size = 250_000
            file.write(info.tobuf(format=tarfile.USTAR_FORMAT))
            file.seek(-(-info.size // 512) * 512, 1)
        file.truncate(file.tell() + 1024)
    table.write_text("path\\n" + "".join(f"c{number}.wav\\n" for number in range(count)))
    paths = [tar] if name == "webdataset" else [tar, table]
    files = tuple(PublishedFile(path.name, path.stat().st_size, None, f"{count:040}") for path in paths)
    shard = Shard(0, 1, files, 0, None, name, None, to_detail(detail))
    shard = replace(shard, rows=layout.count_rows(paths, shard))
    rows = layout.read_rows(paths, shard, columns=None, is_wanted=lambda rows: True)
    assert sum(batch.num_rows for _, batch in rows) == count
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if "VmHWM" in line).split()[1]) / 1024


few, many = peak_mb(150), peak_mb(1_200)
print(many - few)
"""


@pytest.mark.parametrize("layout", ["webdataset", "table_archives"])
def test_memory_does_not_grow_with_a_tar(tmp_path: Path, layout: str):
    command = [sys.executable, "-c", READ, layout, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Arrow's pool settles within 20 MB; the second tar is 260 MB larger.
    assert float(done.stdout) < 60
