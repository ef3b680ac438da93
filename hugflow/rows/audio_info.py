"""The `audio_info` of a row: what is known of its clips."""

from hugflow.audio.mp3 import AudioInfo
from hugflow.ledger.journal import RowMade
from hugflow.names import info_names, mp3_paths


def audio_infos(
    row: RowMade, all_audio: tuple[str, ...], *, measured: bool = False
) -> dict[str, dict[str, object]]:
    """The contract's `audio_info` of a row, and those of its other audio columns, by their names.

    all_audio: the audio columns, the main one first; empty for a text-only dataset.

    measured: whether the plan measures clips. Then each has `quality`, null for a clip that was not
    measured; else none has it. Few have `repaired` or `level`; the index has neither of any.
    """
    names, paths = info_names(all_audio), mp3_paths(row.stem, all_audio)
    return {
        name: ({"quality": None} if measured else {}) | _audio_info(path, clip.audio)
        for name, path, clip in zip(names, paths, row.clips, strict=True)
    }


def _audio_info(path: str, audio: AudioInfo) -> dict[str, object]:
    return {
        "path": path,
        "source_path": audio.source_path,
        "sampling_rate": audio.sampling_rate,
        "num_samples": audio.num_samples,
        "duration": audio.duration,
        "source_format": audio.source_format,
        "source_sampling_rate": audio.source_sampling_rate,
        "source_channels": audio.source_channels,
        "bitrate_kbps": audio.bitrate_kbps,
        "copied": audio.copied,
        **audio.notes,
    }
