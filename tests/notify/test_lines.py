"""The lines of a conversation, out of request files as people write them."""

from hugflow.notify.lines import to_lines
from hugflow.requests.collect import collect_requests
from tests.notify.conversations import FACTS

ADD = b'hf_id: "acme/speech"\ndescription: "a"\n'
NAME = "acme__speech__split_train__rev_main"


def test_each_file_has_a_line_with_all_that_is_known_of_it():
    found = collect_requests(
        {
            "requests/remove/old.yaml": b'hf_id: "acme/old"\nreason: "replaced"\n',
            "requests/add/speech.yaml": ADD,
            "requests/add/bad.yaml": b'hf_id: "no slash"\ndescription: "a"\ncolour: "b"\n',
        },
        stored=[],
    )
    bad, add, removal = to_lines(found, {NAME: FACTS})
    assert (bad.path, bad.dataset, bad.state) == ("requests/add/bad.yaml", None, "failed")
    assert len(bad.problems) == 2
    assert (add.dataset, add.hf_id, add.facts, add.state) == (NAME, "acme/speech", FACTS, "planned")
    assert add.request == found.adds[0].request.digest
    assert (removal.kind, removal.hf_id, removal.dataset) == ("remove", "acme/old", None)
    assert removal.remarks == ("it means no dataset that is stored or asked for",)
    assert (bad.is_idle, add.is_idle, removal.is_idle) == (False, False, True)


def test_a_removal_names_the_dataset_that_it_means():
    stored = collect_requests({"requests/add/speech.yaml": ADD}).adds[0].request.identity
    removing = {"requests/remove/speech.yaml": b'hf_id: "acme/speech"\nreason: "a"\n'}
    [removal] = to_lines(collect_requests(removing, stored=[stored]))
    assert (removal.kind, removal.dataset, removal.remarks) == ("remove", NAME, ())
    assert removal.state == "pending"


def test_what_is_odd_about_a_file_is_a_remark():
    found = collect_requests({"requests/add/a.yaml": ADD, "requests/add/b.yaml": ADD})
    [line] = to_lines(found)
    assert line.path == "requests/add/a.yaml"
    shadowed = collect_requests(
        {
            "requests/add/a.yaml": ADD,
            "requests/remove/a.yaml": b'hf_id: "acme/speech"\nreason: "a"\n',
        }
    )
    add, removal = to_lines(shadowed, {NAME: FACTS})
    assert "is shadowed by requests/remove/a.yaml" in add.remarks[0]
    assert (add.facts, add.state, add.is_idle) == (None, "pending", True)
    assert (removal.kind, removal.is_idle) == ("remove", False)


def test_the_place_that_a_request_publishes_to_is_in_its_line():
    publishing = ADD + b'publish_to: "s3://bucket/sets"\n'
    [line] = to_lines(collect_requests({"requests/add/speech.yaml": publishing}))
    assert line.publish_to == "s3://bucket/sets"


def test_no_path_breaks_out_of_a_remark():
    hostile = "requests/remove/a\n::error::b\x1b[31m.yaml"
    found = collect_requests(
        {"requests/add/a.yaml": ADD, hostile: b'hf_id: "acme/speech"\nreason: "a"\n'}
    )
    add, _ = to_lines(found)
    (remark,) = add.remarks
    assert "is shadowed by requests/remove/a?::error::b?[31m.yaml" in remark
    assert remark.isprintable()


def test_files_that_cannot_stand_together_are_both_refused():
    other = ADD + b'text_column: "words"\n'
    found = collect_requests({"requests/add/a.yaml": ADD, "requests/add/b.yaml": other})
    assert [line.state for line in to_lines(found)] == ["failed", "failed"]


def test_no_files_make_no_lines():
    assert to_lines(collect_requests({})) == []
