"""What the files on main ask for together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.requests.collect import (
    AddFile,
    ParsedFiles,
    collect_requests,
    is_unconfirmed,
    match_removal,
    parse_files,
    settle_requests,
)
from hugflow.requests.model import AddRequest, Identity, RemoveRequest
from hugflow.requests.read import parse_request


def add(hf_id="org/data", description="Speech", **fields):
    return write(hf_id=hf_id, description=description, **fields)


def remove(hf_id="org/data", **fields):
    return write(hf_id=hf_id, reason="Replaced", **fields)


def write(**fields):
    return "".join(f'{field}: "{value}"\n' for field, value in fields.items()).encode()


def paths(files):
    return [file.path for file in files]


def headlines(problems):
    return [problem.headline for problem in problems]


MS = Identity("org/data", "ms", "train", "main")
EN = Identity("org/data", "en", "train", "main")
PLAIN = Identity("org/data", None, "train", "main")


def test_every_good_file_is_taken_in_the_order_of_the_paths():
    found = collect_requests(
        {"requests/b.yaml": add(subset="ms"), "requests/add/a.yaml": add(subset="en")}
    )
    assert paths(found.adds) == ["requests/add/a.yaml", "requests/b.yaml"]
    assert (found.removals, found.shadowed, found.problems, found.warnings) == ((), (), (), ())


def test_a_bad_file_hides_no_other():
    found = collect_requests(
        {"requests/add/a.yaml": b"\xff", "requests/add/b.yaml": add(), "requests/add/c.yaml": b""}
    )
    assert paths(found.adds) == ["requests/add/b.yaml"]
    assert [problem.path for problem in found.problems] == [
        "requests/add/a.yaml",
        "requests/add/c.yaml",
    ]


def test_two_adds_of_one_dataset_with_different_fields_are_both_refused():
    found = collect_requests(
        {
            "requests/add/a.yaml": add(),
            "requests/add/b.yaml": add(description="Singing", text_column="lyrics"),
            "requests/add/c.yaml": add(subset="ms"),
        }
    )
    assert paths(found.adds) == ["requests/add/c.yaml"]
    assert headlines(found.problems) == [
        "requests/add/a.yaml: asks for the same dataset as requests/add/b.yaml, "
        "but differs in description, text_column",
        "requests/add/b.yaml: asks for the same dataset as requests/add/a.yaml, "
        "but differs in description, text_column",
    ]


def test_the_same_add_twice_is_one_with_a_warning():
    found = collect_requests(
        {"requests/add/a.yaml": add(), "requests/add/b.yaml": add(split="train")}
    )
    assert paths(found.adds) == ["requests/add/a.yaml"]
    assert headlines(found.warnings) == [
        "requests/add/b.yaml: says the same as requests/add/a.yaml"
    ]
    assert not found.problems


def test_two_datasets_that_publish_to_one_place_are_taken_with_a_warning():
    def add(hf_id: str, place: str) -> bytes:
        return f'hf_id: {hf_id}\ndescription: x\npublish_to: "{place}"\n'.encode()

    files = {
        "requests/add/a.yaml": add("acme/a", "acme/copy"),
        "requests/add/b.yaml": add("acme/b", "hf://datasets/acme/copy"),
        "requests/add/c.yaml": add("acme/c", "s3://bucket/c"),
    }
    found = collect_requests(files)
    assert len(found.adds) == 3
    [warning] = found.warnings
    assert warning.path == "requests/add/b.yaml"
    assert "the same place as requests/add/a.yaml" in warning.what


def test_datasets_that_wait_for_each_other_are_taken_with_a_warning():
    def add(hf_id: str, other: str) -> bytes:
        return f'hf_id: {hf_id}\ndescription: x\nno_overlap_with: ["{other}"]\n'.encode()

    found = collect_requests(
        {
            "requests/add/a.yaml": add("acme/a", "acme/b"),
            "requests/add/b.yaml": add("acme/b", "acme/c"),
            "requests/add/c.yaml": add("acme/c", "acme/a"),
            "requests/add/d.yaml": add("acme/d", "acme/a"),
        }
    )
    assert len(found.adds) == 4
    assert headlines(found.warnings) == [
        f"requests/add/{name}.yaml: is in a circle with {others}: see no_overlap_with"
        for name, others in (
            ("a", "requests/add/b.yaml, requests/add/c.yaml"),
            ("b", "requests/add/c.yaml, requests/add/a.yaml"),
            ("c", "requests/add/a.yaml, requests/add/b.yaml"),
        )
    ]


def test_names_that_differ_in_case_only_are_taken_with_a_warning():
    found = collect_requests(
        {"requests/add/a.yaml": add(subset="EN"), "requests/add/b.yaml": add(subset="en")}
    )
    assert len(found.adds) == 2
    assert "in case only" in found.warnings[0].headline


def test_two_datasets_whose_hashes_collide_are_both_refused():
    # Found by search: one in four thousand million, and yet 160,000 tries were enough.
    one, other = (Identity("org/data", subset, "train", "main") for subset in ("àåùî", "æóôñ"))
    assert one.name == other.name
    found = collect_requests(
        {
            "requests/add/a.yaml": add(subset=one.subset),
            "requests/add/b.yaml": add(subset=other.subset),
        }
    )
    assert not found.adds
    assert len(found.problems) == 2
    assert "requests/add/b.yaml, whose folder has the same name" in found.problems[0].headline


def test_a_removal_shadows_the_add_of_its_dataset():
    found = collect_requests(
        {
            "requests/add/a.yaml": add(subset="ms"),
            "requests/add/b.yaml": add(subset="en"),
            "requests/remove/a.yaml": remove(subset="ms"),
        }
    )
    assert paths(found.adds) == ["requests/add/b.yaml"]
    assert paths(found.shadowed) == ["requests/add/a.yaml"]
    assert [(file.path, file.identity) for file in found.removals] == [
        ("requests/remove/a.yaml", MS)
    ]
    assert headlines(found.warnings) == [
        "requests/add/a.yaml: is shadowed by requests/remove/a.yaml"
    ]


def test_a_file_with_many_datasets_is_warned_of_once():
    several = parse_files({"requests/add/a.yaml": add(subset="ms")})
    (file,) = several.adds
    others = [
        AddFile(file.path, file.request.model_copy(update={"subset": subset}))
        for subset in ("en", "zh")
    ]
    removals = parse_files(
        {f"requests/remove/{s}.yaml": remove(subset=s) for s in ("ms", "en", "zh")}
    ).removals
    one_file = tuple(("requests/remove/a.yaml", removal) for _, removal in removals)
    found = settle_requests(ParsedFiles((file, *others), one_file, ()))
    assert len(found.shadowed) == 3
    assert headlines(found.warnings) == [
        "requests/add/a.yaml: is shadowed by requests/remove/a.yaml"
    ]


def test_a_removal_that_may_mean_several_datasets_is_refused():
    found = collect_requests(
        {
            "requests/add/a.yaml": add(subset="ms"),
            "requests/add/b.yaml": add(subset="en"),
            "requests/remove/a.yaml": remove(),
        }
    )
    assert len(found.adds) == 2
    assert not found.removals
    [problem] = found.problems
    assert problem.path == "requests/remove/a.yaml"
    assert EN.name in problem.what
    assert MS.name in problem.what


def test_a_removal_speaks_of_what_is_stored_first():
    files = {
        "requests/add/a.yaml": add(subset="ms"),
        "requests/add/b.yaml": add(subset="en"),
        "requests/remove/a.yaml": remove(),
    }
    found = collect_requests(files, stored=[MS])
    assert found.removals[0].identity == MS
    assert paths(found.shadowed) == ["requests/add/a.yaml"]


def digest_of(removal: bytes) -> str:
    return parse_request(removal, "requests/remove/a.yaml").digest


def test_a_removal_once_carried_out_does_not_move_on_to_the_next_dataset():
    files = {
        "requests/add/a.yaml": add(subset="ms"),
        "requests/add/b.yaml": add(subset="en"),
        "requests/remove/a.yaml": remove(),
    }
    found = collect_requests(files, stored=[EN], settled={digest_of(remove()): [MS]})
    assert found.removals[0].identity == MS
    assert paths(found.adds) == ["requests/add/b.yaml"]


def test_a_removal_that_was_rewritten_is_settled_anew():
    files = {"requests/remove/a.yaml": remove(subset="en")}
    found = collect_requests(files, stored=[EN], settled={digest_of(remove()): [MS]})
    assert found.removals[0].identity == EN


def test_a_removal_of_what_is_not_there_means_nothing():
    found = collect_requests({"requests/remove/a.yaml": remove()})
    assert found.removals[0].identity is None
    assert not found.problems


@pytest.mark.parametrize(
    ("said", "stored", "meant"),
    [
        ({}, [MS], [MS]),
        ({}, [MS, EN], [EN, MS]),
        ({}, [PLAIN, MS], [PLAIN, MS]),
        ({}, [], []),
        ({"subset": "ms"}, [MS, EN, PLAIN], [MS]),
        ({"subset": "ta"}, [MS, EN], []),
        ({"split": "train"}, [MS], [MS]),
        ({"split": "train"}, [MS, EN], [EN, MS]),
        ({"split": "train"}, [MS, PLAIN], [PLAIN]),
        ({"split": "test"}, [MS, PLAIN], []),
    ],
)
def test_a_removal_means_the_datasets_that_agree_with_all_it_says(said, stored, meant):
    removal = RemoveRequest(hf_id="org/data", reason="Replaced", **said)
    others = [Identity("org/other", "ms", "train", "main")]
    assert list(match_removal(removal, others + stored)) == meant


IDENTITIES = st.builds(
    Identity,
    st.sampled_from(["org/data", "org/other"]),
    st.sampled_from([None, "ms", "en"]),
    st.sampled_from(["train", "test"]),
    st.sampled_from(["main", "v1"]),
)


@given(identity=IDENTITIES, others=st.sets(IDENTITIES))
def test_a_removal_with_the_fields_of_the_add_file_means_its_dataset(identity, others):
    request = AddRequest(
        hf_id=identity.hf_id,
        description="Speech",
        subset=identity.subset,
        split=identity.split,
        revision=identity.revision,
    )
    said = request.model_dump(include={"subset", "split", "revision"})
    removal = RemoveRequest(hf_id=request.hf_id, reason="Replaced", **said)
    assert match_removal(removal, others | {identity}) == (identity,)


@given(
    files=st.dictionaries(
        st.sampled_from(
            [f"requests/{kind}/{n}.yaml" for kind in ("add", "remove") for n in range(3)]
        ),
        st.sampled_from(
            [add(), add(subset="ms"), add(owner="ann"), remove(), remove(subset="ms"), b""]
        ),
    )
)
def test_every_file_is_taken_or_told_about(files):
    found = collect_requests(files)
    told = {problem.path for problem in found.problems + found.warnings}
    taken = {*paths(found.adds), *paths(found.removals)}
    assert told | taken == files.keys()
    identities = [file.request.identity for file in found.adds]
    assert len(set(identities)) == len(identities)
    assert not {file.identity for file in found.removals} & set(identities)


def test_a_removal_is_confirmed_where_it_came_with_too_many_others():
    removal = RemoveRequest(hf_id="acme/speech", reason="For tests")
    assert not is_unconfirmed(removal, 3)
    assert is_unconfirmed(removal, 4)
    assert not is_unconfirmed(removal.model_copy(update={"confirm": True}), 4)


EN_US, EN_GB = (Identity("org/data", f"en_{place}", "train", "main") for place in ("us", "gb"))
PATTERN = b'hf_id: org/data\nreason: x\nexpand: {subsets: "en_*"}\n'


def test_a_removal_with_a_pattern_means_each_dataset_that_its_add_file_became():
    others = [
        MS,
        PLAIN,
        Identity("org/data", "en_us", "test", "main"),
        Identity("org/data", "en_us", "train", "v2"),
        Identity("org/other", "en_us", "train", "main"),
    ]
    files = {"requests/remove/a.yaml": PATTERN}
    found = collect_requests(files, stored=[EN_US, *others, EN_GB])
    assert [each.identity for each in found.removals] == [EN_GB, EN_US]
    assert [each.path for each in found.removals] == ["requests/remove/a.yaml"] * 2
    assert found.removals[1].line == f"requests/remove/a.yaml#{EN_US.name}"
    assert not found.problems
    every = files["requests/remove/a.yaml"].replace(b'{subsets: "en_*"}', b"{splits: all}")
    found = collect_requests({"requests/remove/a.yaml": every}, stored=[EN_US, *others])
    assert [each.identity for each in found.removals] == [PLAIN]
    assert found.removals[0].line == "requests/remove/a.yaml"


def test_a_removal_with_a_pattern_shadows_requests_and_remembers_what_it_removed():
    files = {"requests/remove/a.yaml": PATTERN, "requests/add/b.yaml": add(subset="en_us")}
    digest = parse_request(PATTERN, "requests/remove/a.yaml").digest
    found = collect_requests(files, settled={digest: [EN_GB]})
    assert [each.identity for each in found.removals] == [EN_GB, EN_US]
    assert paths(found.shadowed) == ["requests/add/b.yaml"]
    nothing = collect_requests({"requests/remove/a.yaml": PATTERN}, stored=[MS])
    assert [each.identity for each in nothing.removals] == [None]


def test_a_removal_of_many_datasets_by_one_pattern_has_to_be_confirmed():
    stored = [Identity("org/data", f"en_{n}", "train", "main") for n in range(4)]
    found = collect_requests({"requests/remove/a.yaml": PATTERN}, stored=stored)
    assert {each.together for each in found.removals} == {4}
    assert is_unconfirmed(found.removals[0].request, 4)


def test_a_removal_says_a_subset_once():
    both = PATTERN + b"subset: en_us\n"
    [problem] = collect_requests({"requests/remove/a.yaml": both}).problems
    assert "says what subset says too" in problem.headline
