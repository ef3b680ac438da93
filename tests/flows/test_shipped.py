"""The three flows that come with Hugflow, by themselves and as a module of the Hub."""

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.flows import shipped
from hugflow.flows.shipped import CheckScript, FilterDuration, NormaliseText
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import publish

FOLDER = Path(shipped.__file__).parent


def publish_shipped(hub: LoopbackHub, repo_id: str = "hugflow/TextTools") -> str:
    """The folder as a module repository; the commit."""
    paths = [path for path in FOLDER.iterdir() if path.suffix in {".py", ".yaml"}]
    return publish(hub, repo_id, {path.name: path.read_bytes() for path in paths})


@pytest.mark.parametrize(
    ("config", "text", "normalised"),
    [
        ({}, " \uff28ello \n world\u00a0", "Hello world"),
        ({"lower": True}, "ÄB", "äb"),
        ({"drop_punctuation": True}, "“It's, well—known…”", "It's well—known"),
        ({"form": "NFC"}, "\ufb01", "\ufb01"),
        ({}, None, None),
        ({}, "", ""),
    ],
)
def test_text_is_normalised_as_configured(config: dict[str, Any], text: Any, normalised: Any):
    assert NormaliseText(**config).run({"text": text}) == {"text_norm": normalised}


@given(text=st.text(max_size=50), lower=st.booleans())
def test_normalising_twice_is_normalising_once(text: str, lower: bool):
    flow = NormaliseText(lower=lower, into="text")
    once = flow.run({"text": text})
    # Lowering may take a letter apart, which the form puts together again.
    assert flow.run(flow.run(once)) == flow.run(once)


@pytest.mark.parametrize(
    ("duration", "is_kept"),
    [(0.5, False), (1, True), (5.0, True), (10.0, True), (10.1, False), (None, False)],
)
def test_rows_outside_of_the_bounds_are_left_out(duration: float | None, is_kept: bool):
    flow = FilterDuration(min_s=1, max_s=10.0)
    assert flow.run({"audio_info": {"duration": duration}}) == ({} if is_kept else None)
    assert FilterDuration().run({}) is None


@pytest.mark.parametrize(
    ("config", "text", "share"),
    [
        ({}, "Grüße, 123!", 1.0),
        ({}, "Да", None),
        ({"at_least": 0}, "Да yes", 0.6),
        ({"scripts": ["latin", "Cyrillic"]}, "Да yes", 1.0),
        ({}, None, 1.0),
    ],
)
def test_the_share_of_a_script_is_counted_over_letters(
    config: dict[str, Any], text: str | None, share: float | None
):
    found = CheckScript(**config).run({"text": text})
    assert found == (None if share is None else {"script_share": share})


@given(st.text(string.ascii_letters + "äДя漢 1-", max_size=30))
def test_a_share_is_between_none_and_all(text: str):
    assert 0 <= CheckScript(at_least=0).run({"text": text})["script_share"] <= 1  # type: ignore[index]


def test_the_folder_is_a_module_of_the_hub_as_it_lies_there(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    publish_shipped(module_hub)
    sync("hugflow/TextTools")
    from flow_modules.hugflow.TextTools import NormaliseText as Synced  # type: ignore[import-not-found]

    assert Synced is not NormaliseText
    assert Synced(lower=True).run({"text": "A  B"}) == {"text_norm": "a b"}
