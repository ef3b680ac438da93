"""What is known of a row's clip, as the JSON files and the index have it."""

from hugflow.ledger.journal import RowMade


def audio_info(row: RowMade) -> dict[str, object] | None:
    """The contract's `audio_info` of a row, in its order; None in a text-only dataset.

    Of most clips it has no `repaired` and no `level`; the index has neither of any.
    """
    audio = row.audio
    if audio is None:
        return None
    return {
        "path": f"audio/{row.stem}.mp3",
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
