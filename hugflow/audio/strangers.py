"""What bytes are that no decoder reads, by how they begin."""

import base64
import binascii
import re
from typing import Final

from hugflow.audio.container import sniff_container

_NOT_YET: Final = "{}, which needs pip install 'hugflow[av]'"
_BEGINNINGS: Final = (
    (b"#!AMR", _NOT_YET.format("AMR")),
    (b"\x1a\x45\xdf\xa3", _NOT_YET.format("webm or matroska")),
    (b"\xff\xf0", _NOT_YET.format("aac")),
    (b"\xff\xf1", _NOT_YET.format("aac")),
    (b"\xff\xf8", _NOT_YET.format("aac")),
    (b"\xff\xf9", _NOT_YET.format("aac")),
    (b"ADIF", _NOT_YET.format("aac")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _NOT_YET.format("wma")),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA1", "True Audio"),
    (b"ajkg", "shorten"),
    (b"MThd", "MIDI, which holds notes and no sound"),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file it points to"),
    (b"\x1f\x8b", "gzip: the clip has to be published unpacked"),
    (b"BZh", "bzip2: the clip has to be published unpacked"),
    (b"\xfd7zXZ\0", "xz: the clip has to be published unpacked"),
    (b"\x28\xb5\x2f\xfd", "zstd: the clip has to be published unpacked"),
    (b"PK\x03\x04", "a zip archive: the clip has to be published unpacked"),
    (b"\x93NUMPY", "a numpy array in a file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF"),
)
_RIFF_KINDS: Final = {b"AVI ": "an AVI film", b"WEBP": "a WebP picture", b"RMID": "MIDI"}
_BASE64: Final = re.compile(rb"(?:data:[\w/.+-]+;base64,)?([A-Za-z0-9+/\s]{16,}=*)")
_LOOKED_AT: Final = 512


def name_stranger(data: bytes | memoryview) -> str | None:
    """Name what is no audio that we read, in words that follow `the audio is`; None if unknown."""
    head = bytes(data[:_LOOKED_AT])
    if head[4:8] == b"ftyp":
        return _NOT_YET.format("m4a or mp4")
    if head[:4] == b"RIFF" and head[8:12] in _RIFF_KINDS:
        return _RIFF_KINDS[head[8:12]]
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning):
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page"
    if text.startswith((b"<?xml", b'{"')):
        return "a text"
    return _name_base64(head)


def _name_base64(head: bytes) -> str | None:
    found = _BASE64.match(head)
    if found is None:
        return None
    digits = b"".join(found[1].split()).rstrip(b"=")
    try:
        inside = base64.b64decode(digits[: len(digits) // 4 * 4], validate=True)
    except binascii.Error:
        return None
    container = sniff_container(inside)
    return None if container is None else f"base64 text of {container}, not the file's bytes"
