#!/usr/bin/env bash
# mlcroissant 1.1.1 gives no record of a FileSet whose files are local parquet FileObjects.
#
# Expected: a FileSet `containedIn` two parquet FileObjects, with `includes: data/*.parquet`, gives the
# rows of both, or an error.
# Seen: the description passes validation, and the record set is empty, without an error: the pattern
# is matched against something else than the path in `contentUrl`. With `includes: *.parquet` reading
# fails ("Column ... does not exist"). One record set for each FileObject reads every row. Whoever
# describes a folder of parquet files has to write one record set a file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlcroissant==1.1.1 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import hashlib
import json
import logging
import sys
from importlib.metadata import version
from pathlib import Path

import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq

logging.disable(logging.WARNING)
root = Path(sys.argv[1])
(root / "data").mkdir()
CR = "http://mlcommons.org/croissant/"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": CR,
    "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{name: f"cr:{name}" for name in (
        "column", "containedIn", "extract", "field", "fileObject", "fileSet", "includes",
        "recordSet", "source",
    )},
}
files = []
for number in (0, 1):
    path = root / "data" / f"{number}.parquet"
    pq.write_table(pa.table({"row": [2 * number, 2 * number + 1]}), path)
    files.append({
        "@type": "cr:FileObject",
        "@id": f"data/{number}.parquet",
        "name": path.name,
        "contentUrl": f"data/{number}.parquet",
        "encodingFormat": "application/x-parquet",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    })


def record_set(name, source):
    field = {
        "@type": "cr:Field",
        "@id": f"{name}/row",
        "name": "row",
        "dataType": "sc:Integer",
        "source": {**source, "extract": {"column": "row"}},
    }
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": [field]}


def count(distribution, record_sets):
    path = root / "croissant.json"
    path.write_text(json.dumps({
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": "two_files",
        "description": "Two parquet files.",
        "conformsTo": f"{CR}1.1",
        "url": "https://example.org/two_files",
        "version": "1.0.0",
        "license": "https://creativecommons.org/publicdomain/zero/1.0/",
        "distribution": distribution,
        "recordSet": record_sets,
    }))
    dataset = mlcroissant.Dataset(str(path))
    return sum(len(list(dataset.records(each["@id"]))) for each in record_sets)


file_set = {
    "@type": "cr:FileSet",
    "@id": "all",
    "name": "all",
    "containedIn": [{"@id": file["@id"]} for file in files],
    "encodingFormat": "application/x-parquet",
    "includes": "data/*.parquet",
}
together = count([*files, file_set], [record_set("rows", {"fileSet": {"@id": "all"}})])
each = count(files, [
    record_set(f"rows-{number}", {"fileObject": {"@id": file["@id"]}})
    for number, file in enumerate(files)
])
print(f"mlcroissant {version('mlcroissant')}: {together} of 4 rows by the file set, {each} of 4 by file")
assert each == 4, "the files are not what they should be"
assert together == 0, "the file set gives rows now: this finding is out of date"
PY
