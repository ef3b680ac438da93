"""`croissant.json`: the dataset described for machines, as Croissant 1.1 has it.

Its checker (mlcroissant 1.1.1) wants the version under `conformsTo`, a language in the context, and
`application/x-parquet` for parquet. The index files are its data; their sha256 are in it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from hugflow.exports.export import Export, ExportFile, ExportSource, Foreseen, Size

_PATH = "croissant.json"
# A column name that can be part of an id.
_PLAIN = re.compile(r"[\w-]+")
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


def _describe_rows(path: str, types: Mapping[str, str]) -> dict[str, Any]:
    """The rows of one index file: the checker reads no file set of several parquet files."""
    name = f"rows-{Path(path).stem}"
    fields = [
        {
            "@type": "cr:Field",
            # A dot is in no plain name, so no two columns have one id.
            "@id": f"{name}/{column if _PLAIN.fullmatch(column) else f'column.{number}'}",
            "name": column,
            "dataType": type_,
            "source": {"fileObject": {"@id": path}, "extract": {"column": column}},
        }
        for number, (column, type_) in enumerate(types.items())
    ]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def _described_types(source: ExportSource) -> dict[str, str]:
    """The columns of the index that Croissant has a type for."""
    # Imported here: it loads pyarrow, which takes as long as the rest of a small command.
    from hugflow.shards.column_path import has_inner_text
    from hugflow.shards.features import TEXT, index_names

    own = (TEXT,) if has_inner_text(source.plan) else ()
    types = {"row": "sc:Integer"}
    for name in (*index_names(source.plan.columns, source.plan.all_audio), *own):
        # The checker takes an empty name for none.
        if name and (type_ := _type_of(source.plan.features.get(name))) is not None:
            types[name] = type_
    return types


def _describe(source: ExportSource) -> dict[str, Any]:
    plan = source.plan
    files = [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path.rpartition("/")[2],
            "contentUrl": f"{source.clips}{path}",
            "encodingFormat": "application/x-parquet",
            "sha256": sha256,
        }
        for path, sha256 in sorted(source.index.items())
    ]
    types = _described_types(source)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": plan.dataset,
        "description": source.description,
        "conformsTo": f"{_VOCABULARY}1.1",
        "url": f"https://huggingface.co/datasets/{plan.request.hf_id}",
        "version": f"1.0.0+{plan.commit}",
        **({"license": plan.licence} if plan.licence else {}),
        "distribution": files,
        "recordSet": [_describe_rows(path, types) for path in sorted(source.index)],
    }


def _render(source: ExportSource) -> Iterator[ExportFile]:
    text = json.dumps(_describe(source), ensure_ascii=False, indent=2)
    yield ExportFile(_PATH, [text.encode() + b"\n"])


def _foresee(foreseen: Foreseen) -> Size:
    return Size(
        files=1, bytes=3_000 + (500 + 220 * len(foreseen.plan.columns)) * len(foreseen.plan.shards)
    )


CROISSANT = Export(
    name="croissant",
    names=re.compile(re.escape(_PATH)),
    foresee=_foresee,
    render=_render,
    is_chosen=True,
    version=3,
    has_description=True,
)
