"""What can be wrong with one row's audio, as stable codes.

A code is what `failures.jsonl` keeps and what people filter by, so a code is never renamed.
"""

from typing import Final

from hugflow.errors import HugflowError

MESSAGE_LIMIT = 300
CRASHED: Final = "codec_crashed"

# By code: why it is so, and how to mend it.
REASONS: Final[dict[str, tuple[str, str]]] = {
    "audio_missing": (
        "the row has neither audio bytes nor samples nor a path",
        "fill the row in the dataset, or leave it out",
    ),
    "audio_empty": (
        "there is not one sample to write",
        "publish the clip again, or leave the row out",
    ),
    "audio_several": (
        "a row has one clip; which one of several is meant, nothing says",
        "publish a row for each clip",
    ),
    "audio_undecodable": (
        "it could not be read to the end",
        "open the clip in a player; if it is broken there too, publish it again",
    ),
    "audio_truncated": (
        "a clip that stops early would no longer match its text",
        "publish the clip again, whole",
    ),
    CRASHED: (
        "the libraries that decode and encode stop the whole process at some broken clips, or take "
        "more memory than there is",
        "open the clip in a player; if it is broken there too, publish it again, or leave the row out",
    ),
    "audio_unsupported": (
        "hugflow reads wav, w64, flac, mp3, ogg, opus, aiff, au, caf and NIST SPHERE, and arrays of samples",
        "publish the clip in one of these ways",
    ),
    "audio_too_long": (
        "a few bytes can hold days of silence, so a clip's length is limited",
        "cut the recording into clips, or set max_clip_hours in the request (0 for no limit)",
    ),
    "range_invalid": (
        "a time range is two numbers of seconds from 0, and its end lies behind its begin",
        "correct the times in the dataset, or leave the row out",
    ),
    "lists_differ": (
        "a value of one list belongs to the value at the same place of the others",
        "correct the lists in the dataset, or leave the row out",
    ),
    "rate_unsupported": (
        "a sampling rate is a whole number of samples a second, from 1 to 768,000",
        "publish the clip with the rate it was recorded at",
    ),
    "path_refused": (
        "the audio must be a file of the same repository at the same commit",
        "put the file into the dataset's repository, and name it by its path there",
    ),
    "path_not_found": (
        "the audio must be a file of the same repository at the same commit, and there is none",
        "put the file into the dataset's repository, or correct the path",
    ),
    "path_unclear": (
        "a name without its folders is that of several files, and which one is meant is not known",
        "name the file in the table by its path in the repository, or in its archive",
    ),
}


class AudioBad(HugflowError):
    """One row's audio cannot be made into an MP3; the other rows can.

    `code` is one of `REASONS`. `message` is one printable line of at most 300 characters, whatever
    the audio or a library put into it, and never holds audio data.
    """

    def __init__(self, code: str, message: str) -> None:
        """Take the why and the mend from `REASONS`."""
        why, mend = REASONS[code]
        self.code = code
        self.message = to_one_line(message)
        super().__init__(self.message, why=why, mend=mend)


def to_one_line(text: str, limit: int = MESSAGE_LIMIT) -> str:
    r"""Show a stranger's text on one line: control characters escaped as in `\x1b`, the rest cut."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text[:limit]
    )
    return shown if len(shown) <= limit and len(text) <= limit else f"{shown[: limit - 1]}…"
