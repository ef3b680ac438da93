"""The reader that `datasets` chooses for files, by the commonest ending of their names."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from hugflow.shards.resolution.patterns import NotKnown

# By reader: the endings. What follows a slash is a setting of the reader.
_ENDINGS: Final = {
    "csv": "csv",
    "csv/tab": "tsv",
    "json": "json jsonl ndjson",
    "parquet": "parquet geoparquet gpq",
    "arrow": "arrow",
    "text": "txt",
    "conll": "conll",
    "conll/comment": "conllu",
    "webdataset": "tar",
    "xml": "xml",
    "hdf5": "hdf5 h5",
    "eval": "eval",
    "harbor": "toml md",
    "lance": "lance",
    "tsfile": "tsfile",
    "vortex": "vortex",
    "fasta": "fa fasta fna ffn faa frn afa",
    "genbank": "gb gbk genbank",
    "fastq": "fq fastq",
    "pdb": "pdb ent",
    "mmcif": "cif mmcif",
    "imagefolder": "blp bmp dib bufr cur pcx dcx dds ps eps fit fits fli flc ftc ftu gbr gif grib png "
    "apng jp2 j2k jpc jpf jpx j2c icns ico im iim tif tiff jfif jpe jpg jpeg msp pcd pxr pbm pgm ppm "
    "pnm psd bw rgb rgba sgi ras tga icb vda vst webp wmf emf xbm xpm",
    "audiofolder": "mpg aiff au avr caf flac htk svx mat4 mat5 mpc2k ogg paf pvf raw rf64 sd2 sds "
    "ircam voc w64 wav nist wavex wve xi mp3 opus 3gp 3g2 asf flv m4v webm f4v wmv wma ogm mxf nut",
    "videofolder": "mpeg avi mp4 mov mkv",
    "meshfolder": "glb gltf ply stl",
    "pdffolder": "pdf",
    "niftifolder": "nii",
}
# The endings of these also count in capitals.
_IN_CAPITALS: Final = ("pdb", "imagefolder", "audiofolder", "videofolder", "meshfolder")
_IN_CAPITALS_TOO: Final = (*_IN_CAPITALS, "pdffolder", "niftifolder")
_METADATA: Final = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_WITH_METADATA: Final = (*_IN_CAPITALS_TOO, "mmcif")
_NAMES: Final = {
    **dict.fromkeys(_WITH_METADATA, _METADATA),
    "harbor": ("task.toml", "instruction.md"),
    "lance": ("latest_version_hint.json",),
}
_LANCE: Final = ("idx", "txn", "manifest")
# Their endings count only if there are no other files.
_NO_VOTES: Final = frozenset(name for names in _NAMES.values() for name in names)
_FAVOURITES: Final = ("parquet", "lance", "vortex", "arrow", "jsonl", "json", "csv")


def _readers() -> dict[str, str]:
    found = {ending: reader for reader, text in _ENDINGS.items() for ending in text.split()}
    capitals = {e.upper(): reader for e, reader in found.items() if reader in _IN_CAPITALS_TOO}
    return found | capitals


READERS: Final = _readers()
ALLOWED: Final = frozenset({*READERS, "zip", *_LANCE})


def is_data(path: str) -> bool:
    """Whether a file has an ending that some reader takes, anywhere in its name."""
    return any(ending in ALLOWED for ending in _endings(path))


def choose_reader(files: Mapping[str, Sequence[str]]) -> str:
    """The one reader of all splits; raises NotKnown if they differ, or have none."""
    readers = {_reader_of(paths) for paths in files.values()}
    if len(readers) != 1:
        raise NotKnown("splits of several kinds")
    return readers.pop().partition("/")[0]


def keep_read(paths: Sequence[str], reader: str, prefix: str) -> list[str]:
    """The files that a reader takes; prefix: the address before each path, which counts too."""
    endings = [ending for ending, of in READERS.items() if of.partition("/")[0] == reader]
    endings += ["zip", *(_LANCE if reader == "lance" else ())]
    known = re.compile(rf".*\.({'|'.join(map(re.escape, endings))})(\..+)?$")
    names = _NAMES.get(reader, ())
    return [
        path for path in paths if known.match(prefix + path) or (names and path.endswith(names))
    ]


def _reader_of(paths: Sequence[str]) -> str:
    votes: Counter[tuple[str, bool]] = Counter()
    for path in paths:
        is_metadata = path.rpartition("/")[2] in _NO_VOTES
        votes.update((ending.lower(), is_metadata) for ending in _endings(path))

    def rank(vote: tuple[tuple[str, bool], int]) -> tuple[bool, int, list[bool], str]:
        (ending, is_metadata), count = vote
        favours = [ending == favourite for favourite in _FAVOURITES]
        return not is_metadata, count, favours, f".{ending}"

    for (ending, _), _ in sorted(votes.items(), key=rank, reverse=True):
        if ending in READERS:
            return READERS[ending]
        if ending == "zip":
            raise NotKnown("zip files, whose members decide")
    raise NotKnown("no file that is read")


def _endings(path: str) -> list[str]:
    return path.rpartition("/")[2].split(".")[1:]
