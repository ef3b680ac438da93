"""Values of the audio column, as they come out of Arrow."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import make_mp3
from hugflow.rows.audio import audio_value, path_of


def one(value: Any, type_: pa.DataType) -> Any:
    return audio_value(pa.array([value], type_)[0])


def test_bytes_stay_in_arrows_buffer():
    column = pa.array([{"bytes": b"abc", "path": "a.wav"}])
    value = audio_value(column[0])
    assert isinstance(value["bytes"], pa.Buffer)
    assert value["path"] == "a.wav"


def test_an_array_is_a_view_of_arrows_numbers():
    type_ = pa.struct({"array": pa.list_(pa.float32()), "sampling_rate": pa.int64()})
    value = one({"array": [0.5, -0.5], "sampling_rate": 8000}, type_)
    assert value["array"].tolist() == [0.5, -0.5]
    assert value["sampling_rate"] == 8000


@pytest.mark.parametrize("make_list", [pa.list_, pa.large_list])
def test_two_axes_stay_two_axes(make_list: Any):
    type_ = pa.struct({"array": make_list(make_list(pa.int16()))})
    value = one({"array": [[1, 2, 3], [4, 5, 6]]}, type_)
    assert value["array"].shape == (2, 3)


@pytest.mark.parametrize(
    ("array", "message"), [([[1, 2], [3]], "differ in length"), ([[1, 2], None], "is null")]
)
def test_a_ragged_array_is_refused(array: list[object], message: str):
    with pytest.raises(AudioBad, match=message) as refused:
        one({"array": array}, pa.struct({"array": pa.list_(pa.list_(pa.int16()))}))
    assert refused.value.code == "audio_unsupported"


@pytest.mark.parametrize(
    ("type_", "silence"), [(pa.int16(), 0), (pa.uint8(), 128), (pa.uint16(), 32_768)]
)
def test_a_null_among_samples_is_silence(type_: pa.DataType, silence: int):
    value = one({"array": [1, None]}, pa.struct({"array": pa.list_(type_)}))
    assert value["array"].tolist() == [1, silence]


def test_a_null_among_floats_is_no_number():
    value = one({"array": [1.0, None]}, pa.struct({"array": pa.list_(pa.float64())}))
    assert np.isnan(value["array"][1])


def broken_text() -> pa.Array:
    return pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())


@pytest.mark.parametrize(
    "column",
    [
        pa.StructArray.from_arrays(
            [pa.array([[0.5]]), broken_text()], names=["array", "sampling_rate"]
        ),
        pa.StructArray.from_arrays(
            [pa.array([[0.5]]), pa.array([2**62], pa.timestamp("s"))],
            names=["array", "sampling_rate"],
        ),
        pa.StructArray.from_arrays(
            [pa.ListArray.from_arrays([0, 1], broken_text())], names=["array"]
        ),
        pa.array([{"bytes": [1, 2], "path": "a.wav"}]),
        pa.StructArray.from_arrays(
            [pa.array([b"ab"]).dictionary_encode(), pa.array(["a.wav"])], names=["bytes", "path"]
        ),
    ],
)
def test_a_value_that_cannot_be_read_fails_its_row_alone(column: pa.Array):
    with pytest.raises(AudioBad) as refused:
        make_mp3(audio_value(column[0]), copy_mp3=True)
    assert refused.value.code == "audio_unsupported"


def test_a_path_beside_bytes_of_any_kind_is_not_opened():
    assert path_of(pa.array([{"bytes": [1, 2], "path": "a.wav"}])[0]) is None
    assert path_of(pa.array([{"bytes": None, "path": "a.wav"}])[0]) == "a.wav"
    assert path_of(pa.array(["a.wav"])[0]) == "a.wav"
