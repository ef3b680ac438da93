"""What holds for every hierarchy: order, levels, and repetition."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.hierarchy import compose, lock_project
from hugflow.hierarchy.composed import FileRef
from hugflow.hierarchy.merge import Part, merge_parts
from hugflow.hierarchy.project_config import JsonSource
from tests.hierarchy.worlds import write_repository

NODES = ("a", "b", "c")


def file(node: str, name: str) -> FileRef:
    return FileRef(name, Path(node, name), "0" * 64, (), node, "s")


FILES = st.builds(file, st.sampled_from(NODES), st.sampled_from("xyz"))
PARTS = st.builds(
    Part,
    st.lists(FILES, max_size=4),
    st.dictionaries(st.sampled_from("kl"), st.lists(FILES, min_size=1, max_size=3), max_size=2),
)
RULES = st.builds(
    JsonSource,
    format=st.just("json"),
    on_collision=st.sampled_from(["override", "append"]),
    duplicates=st.sampled_from(["first", "keep"]),
)


def content(part: Part) -> tuple[list[FileRef], dict[str, list[FileRef]]]:
    return list(part.files_list), part.files_dict


@given(parts=st.lists(PARTS, min_size=1, max_size=5), rule=RULES, cut=st.integers(0, 5))
def test_merging_is_associative_over_levels(parts: list[Part], rule: JsonSource, cut: int):
    flat = merge_parts("s", rule, parts)
    above = merge_parts("s", rule, parts[:cut])
    below = merge_parts("s", rule, parts[cut:])
    assert content(merge_parts("s", rule, [above, *parts[cut:]])) == content(flat)
    assert content(merge_parts("s", rule, [*parts[:cut], below])) == content(flat)


@given(parts=st.lists(PARTS, max_size=5))
def test_the_order_of_lists_is_kept_and_nothing_is_lost_or_repeated(parts: list[Part]):
    merged = merge_parts("s", JsonSource(format="json"), parts).files_list
    every = [each for part in parts for each in part.files_list]
    assert list(merged) == list(dict.fromkeys(every))


@st.composite
def hierarchies(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Repositories r0 to rN; each may have any later one as a parent."""
    amount = draw(st.integers(1, 4))
    configs = []
    for number in range(amount):
        later = range(number + 1, amount)
        parents = draw(st.lists(st.sampled_from(later), unique=True)) if later else []
        configs.append(
            {
                "parents": {f"r{each}": {"location": f"../r{each}"} for each in parents},
                "sources": {
                    "s": {
                        "format": "json",
                        "parent_sources": [f"r{each}.s" for each in parents],
                        "files_list": [
                            f"r{number}-{name}"
                            for name in draw(st.lists(st.sampled_from("xy"), unique=True))
                        ],
                    }
                },
            }
        )
    return configs


@settings(max_examples=25, deadline=None)
@given(configs=hierarchies())
def test_every_reachable_file_is_composed_once_and_a_second_lock_changes_no_byte(
    configs: list[dict[str, Any]],
):
    with TemporaryDirectory() as folder:
        for number, config in enumerate(configs):
            write_repository(Path(folder) / f"r{number}", config)
        root = Path(folder) / "r0"
        reachable = {"r0"}
        for number, config in enumerate(configs):
            if f"r{number}" in reachable:
                reachable |= set(config["parents"])
        composed = compose(root)["s"].files_list
        own = [name for c in configs for name in c["sources"]["s"]["files_list"]]
        wanted = {name for name in own if name.partition("-")[0] in reachable}
        assert sorted(each.name for each in composed) == sorted(wanted)
        lock_project(root)
        lock = root / "hugflow.lock"
        before = lock.read_bytes() if lock.exists() else b""
        lock_project(root)
        assert (lock.read_bytes() if lock.exists() else b"") == before
        assert compose(root)["s"].files_list == composed
