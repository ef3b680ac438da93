"""What is proposed for a repository whose rows only a loading script gives."""

import pytest

from hugflow.errors import RequestInvalid
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.proposed_source import propose_source
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor

VOXPOPULI = ["x.py", "data/en/asr_train.tsv", "data/en/train/train_part_0.tar.gz"]


def proposed(paths: list[str], subset: str | None = None) -> str | None:
    request = PlanRequest("a/b", subset, "train", "main", "audio", "text", "copy")
    return propose_source(request, paths)


@pytest.mark.parametrize(
    ("paths", "subset", "expected"),
    [
        (VOXPOPULI, "en", "source: {recipe: voxpopuli}"),
        (VOXPOPULI, None, "source: {recipe: voxpopuli} and subset: en"),
        (["x.py", "wavs/a.wav", "metadata.csv"], None, "source: {recipe: ljspeech}"),
        (["x.py", "data.csv", "clips/a.wav"], None, "source: {layout: table}"),
        (["x.py", "data.csv", "a.zip"], None, "source: {layout: table_archives}"),
        (["x.py", "dataset_infos.json", "a.flac"], None, "source: {layout: audio_folder}"),
        (["x.py", "dataset_infos.json", "README.md"], None, None),
    ],
)
def test_a_recipe_that_fits_comes_first_and_then_a_layout(
    paths: list[str], subset: str | None, expected: str | None
):
    assert proposed(paths, subset) == expected


def test_the_error_for_a_loading_script_proposes_the_recipe(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("proposed/x", dict.fromkeys(VOXPOPULI, b""))
    with pytest.raises(RequestInvalid, match="loading script") as refused:
        open_for("proposed/x", subset="en")
    assert "source: {recipe: voxpopuli}" in refused.value.mend
    assert not [request for request in hub.requests if request.path.endswith("x.py")]
