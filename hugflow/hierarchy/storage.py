"""How the files of a source are named where they are stored: `{inputpath}/{source}/{name}.json`.

A reference in a list is stored under its own name, `./` left out and `/` as `__`; a reference in a
dict under its key. A key with several files has `key__1`, `key__2` and so on. Request files are
stored as they are, with the suffix `.yaml`.

The key `*` means a file for each that fits its value, under the key that the `*` stands for:

    files_dict: {"*": "requests/add/*.yaml"}        input/corpora/speech.yaml, key speech
"""

import re
from collections.abc import Mapping

from hugflow.hierarchy.errors import CollisionError, ConfigError
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.project_config import SourceBase
from hugflow.late_dataclass import dataclass

META_NAME = "meta.json"
PATTERN = "*"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class OwnFile:
    """One file that a source declares itself.

    name: of the stored file, without its suffix. reference: as it is written. target: what is read,
    which is the reference after a look into `sheet_names`. key: in `files_dict`; None in
    `files_list`.
    """

    name: str
    reference: str
    target: str
    key: str | None = None


def stored_suffix(source_format: str) -> str:
    """The suffix of stored files."""
    return ".yaml" if source_format == "requests" else ".json"


def storage_name(reference: str) -> str:
    """The name under which a reference is stored; it may be unsafe, see `own_files`."""
    parts = [part for part in reference.split("/") if part not in ("", ".")]
    return "__".join(parts)


def own_files(
    project: Project, source_name: str, *, found: Mapping[str, str] | None = None
) -> list[OwnFile]:
    """The files that a source declares itself: list entries in order, then dict entries.

    found: the references that fit the source's pattern, by key; None: those that are stored.
    A file that is both in the list and in the dict is given twice. Raises CollisionError if two
    references have one storage name, ConfigError for a name that no file may have.
    """
    source = project.config.sources[source_name]
    files = [*_list_files(project, source), *_dict_files(project, source)]
    if find_pattern(project, source_name) is not None:
        taken = {file.name for file in files}
        fitting = found if found is not None else _stored_names(project, source_name)
        files += [
            OwnFile(name, reference, reference, name)
            for name, reference in sorted(fitting.items())
            if name not in taken
        ]
    listed: dict[str, OwnFile] = {}
    keyed: dict[str, OwnFile] = {}
    for file in files:
        seen = listed if file.key is None else keyed
        _refuse_unsafe(project, source_name, file)
        # Some disks take names for one that differ only in case.
        first = seen.setdefault(file.name.casefold(), file)
        if first.target != file.target or first.name != file.name:
            raise CollisionError(
                f"{first.reference[:80]!r} and {file.reference[:80]!r} are both stored as "
                f"{file.name}",
                why="one file would replace the other",
                mend="give one of them another name, by `sheet_names` or as a key of files_dict",
                **project.error_place("sources", source_name),
            )
    return files


def stored_files(
    project: Project, source_name: str, *, found: Mapping[str, str] | None = None
) -> dict[str, OwnFile]:
    """The files to store, by name; a dict entry replaces a list entry of the same name."""
    return {file.name: file for file in own_files(project, source_name, found=found)}


def find_pattern(project: Project, source_name: str) -> tuple[str, str] | None:
    """What is before and after the `*` of a source's pattern; None if it has none.

    Raises ConfigError for a value that is no text with one `*`.
    """
    source = project.config.sources[source_name]
    value = source.files_dict.get(PATTERN)
    if value is None:
        return None
    is_online = getattr(source, "subformat", None) == "google_sheets"
    if is_online or not isinstance(value, str) or value.count(PATTERN) != 1:
        raise ConfigError(
            "the value of the key * is no pattern",
            why="Google's sheets cannot be listed"
            if is_online
            else "its one * stands for the key of each file that fits",
            mend="name each sheet"
            if is_online
            else 'write one, such as `"*": "requests/add/*.yaml"`',
            **project.error_place("sources", source_name, "files_dict", PATTERN),
        )
    before, _, after = value.partition(PATTERN)
    while before.startswith("./"):
        before = before.removeprefix("./")
    return before, after


def _stored_names(project: Project, source_name: str) -> dict[str, str]:
    """The names in the folder of a source, each as its own reference."""
    folder = project.input / source_name
    suffix = stored_suffix(project.config.sources[source_name].format)
    paths = folder.iterdir() if folder.is_dir() else ()
    names = [path.name.removesuffix(suffix) for path in paths if path.name.endswith(suffix)]
    return {name: name for name in names if not name.startswith(".")}


def _list_files(project: Project, source: SourceBase) -> list[OwnFile]:
    names = project.config.sheet_names
    return [
        OwnFile(storage_name(reference), reference, names.get(reference, reference))
        for reference in source.files_list
    ]


def _dict_files(project: Project, source: SourceBase) -> list[OwnFile]:
    names = project.config.sheet_names
    found = []
    for key, value in source.files_dict.items():
        if key == PATTERN:
            continue
        references = [value] if isinstance(value, str) else value
        for number, reference in enumerate(references, 1):
            name = storage_name(key) if len(references) == 1 else f"{storage_name(key)}__{number}"
            found.append(OwnFile(name, reference, names.get(reference, reference), key))
    return found


def _refuse_unsafe(project: Project, source_name: str, file: OwnFile) -> None:
    name = file.name
    if (
        not name
        or name.startswith((".", "-"))
        or ".." in name.split("__")
        or _UNSAFE.search(name)
        or len(name.encode("utf-8", "surrogatepass")) > _LONGEST
    ):
        raise ConfigError(
            f"{(file.key or file.reference)[:80]!r} gives no file name",
            why="a stored file is named for its reference, and stays inside the source's folder",
            mend="give it a short name by `sheet_names`, or as a key of files_dict",
            **project.error_place("sources", source_name),
        )
