"""`croissant.json`: the dataset described for machines, as Croissant 1.1 has it.

Its checker (mlcroissant 1.1.1) wants the version under `conformsTo`, a language in the context, and
`application/x-parquet` for parquet. The index files are its data; their sha256 are in it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size

_PATH = "croissant.json"
_VOCABULARY = "http://mlcommons.org/croissant/"
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": _VOCABULARY,
    "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
    "rai": f"{_VOCABULARY}RAI/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
# Croissant's types of the simple types of `datasets`; other columns are not described.
_TYPES: Final[Mapping[str, str]] = {
    "string": "sc:Text",
    "large_string": "sc:Text",
    "bool": "sc:Boolean",
    **{f"{sign}int{bits}": "sc:Integer" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": "sc:Float" for bits in (16, 32, 64)},
}


def _type_of(feature: Any) -> str | None:
    match feature:
        case {"_type": "Value", "dtype": str(dtype)}:
            return _TYPES.get(dtype)
        case {"_type": "ClassLabel"}:
            return "sc:Integer"
        case _:
            return None


def _fields(source: ExportSource) -> Iterator[dict[str, Any]]:
    # Imported here: it loads pyarrow, which takes as long as the rest of a small command.
    from hugflow.shards.features import index_names

    types = {"row": "sc:Integer"}
    for name in index_names(source.plan.columns, source.plan.all_audio):
        if (type_ := _type_of(source.plan.features.get(name))) is not None:
            types[name] = type_
    for number, (name, type_) in enumerate(types.items()):
        yield {
            "@type": "cr:Field",
            "@id": f"rows/{number}",
            "name": name,
            "dataType": type_,
            "source": {"fileSet": {"@id": "index"}, "extract": {"column": name}},
        }


def _describe(source: ExportSource) -> dict[str, Any]:
    plan = source.plan
    files = [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path.rpartition("/")[2],
            "contentUrl": path,
            "encodingFormat": "application/x-parquet",
            "sha256": sha256,
        }
        for path, sha256 in sorted(source.index.items())
    ]
    file_set = {
        "@type": "cr:FileSet",
        "@id": "index",
        "name": "index",
        "containedIn": [{"@id": file["@id"]} for file in files],
        "encodingFormat": "application/x-parquet",
        "includes": "index/*.parquet",
    }
    rows = {"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": list(_fields(source))}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": plan.dataset,
        "description": source.description,
        "conformsTo": f"{_VOCABULARY}1.1",
        "url": f"https://huggingface.co/datasets/{plan.request.hf_id}",
        "version": plan.commit,
        **({"license": plan.licence} if plan.licence else {}),
        "distribution": [*files, file_set] if files else [],
        "recordSet": [rows] if files else [],
    }


def _render(source: ExportSource) -> Iterator[ExportFile]:
    text = json.dumps(_describe(source), ensure_ascii=False, indent=2)
    yield ExportFile(_PATH, [text.encode() + b"\n"])


def _foresee(foreseen: Foreseen) -> Size:
    return Size(files=1, bytes=4_000 + 400 * len(foreseen.plan.shards))


CROISSANT = Export(
    name="croissant",
    names=re.compile(re.escape(_PATH)),
    foresee=_foresee,
    render=_render,
    is_chosen=True,
)
