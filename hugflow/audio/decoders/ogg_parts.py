"""What libsndfile is given of an Ogg file: the pages of its sound, with times that it can follow.

libsndfile believes the times (granule positions) of the pages. Where a file was cut out of a longer
one without encoding it again, they begin below zero, and libsndfile leaves out as much at the end;
where a recorder wrote none, it reads nothing. The packets say how long they are, so the times are
counted again where they do not fit.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.behind import find_sound, sound_behind
from hugflow.audio.decoders.flac_parts import flac_in_ogg
from hugflow.audio.decoders.framing import Framing
from hugflow.audio.decoders.parts import Part
from hugflow.audio.ogg import (
    FIRST,
    LAST,
    NO_GRANULE,
    Page,
    is_whole,
    read_links,
    read_packets,
    render_page,
)
from hugflow.audio.ogg_time import (
    OPUS_RATE_HZ,
    Duration,
    opus_duration,
    page_times,
    vorbis_duration,
)

OGG_END: Final = "ogg_end"
OGG_GRANULE: Final = "ogg_granule"

_CODECS: Final = (
    (b"\x01vorbis", "vorbis"),
    (b"OpusHead", "opus"),
    (b"\x7fFLAC", "flac"),
    (b"Speex   ", "Speex"),
    (b"PCM     ", "PCM"),
    (b"CELT    ", "CELT"),
    (b"\x80theora", "Theora"),
    (b"BBCD", "Dirac"),
    (b"OVP80", "VP8"),
    (b"\x80kate", "Kate"),
    (b"fishead\0", "Skeleton"),
)
_READ: Final = ("vorbis", "opus", "flac")
_RATE_AT: Final = slice(12, 16)
# An encoder fills up its last packet; of a file of one page, more than a few are a time below zero.
_MOST_FILLED: Final = 3


def ogg_parts(view: memoryview) -> Framing:
    """The sound of an Ogg file, or of several that were put one after another.

    Raises AudioBad: `audio_truncated` where a page is missing, damaged or not there to its end,
    `audio_unsupported` for a coding that is none of vorbis, opus and flac, or for several sounds.
    """
    links = read_links(view)
    if not links:
        raise AudioBad("audio_truncated", "the ogg has no whole page")
    links, other = _up_to_other(view, links)
    ends = [*(link[0].start for link in links[1:]), other or len(view)]
    framings = [_read_link(view[:end], link) for end, link in zip(ends, links, strict=True)]
    return Framing(
        tuple(part for framing in framings for part in framing.parts),
        tuple(dict.fromkeys(code for framing in framings for code in framing.repaired)),
        framings[0].source_format,
        other,
    )


def _up_to_other(view: memoryview, links: list[list[Page]]) -> tuple[list[list[Page]], int | None]:
    """The files of Ogg up to another file, and where that one begins."""
    nexts = [*(link[0].start for link in links[1:]), len(view)]
    for count, (link, stop) in enumerate(zip(links, nexts, strict=True), 1):
        end = link[-1].end
        if end < stop:
            other = sound_behind(view[:stop], end) or find_sound(view[:stop], end)
            if other is not None:
                return links[:count], other
    return links, None


def _read_link(view: memoryview, pages: list[Page]) -> Framing:
    serial, codec = _choose_stream(view, pages)
    own = [page for page in pages if page.serial == serial]
    _check_pages(view, own)
    repaired = []
    if not own[-1].flags & LAST:
        if pages[-1].end != len(view):
            raise AudioBad("audio_truncated", "the ogg ends in a part of a page")
        repaired.append(OGG_END)
    headers = read_packets(view, own, 3)
    if codec == "flac":
        return replace(flac_in_ogg(view, own, headers[0]), repaired=tuple(repaired))
    count, duration = (2, opus_duration) if codec == "opus" else (3, _vorbis_duration(headers))
    first = _page_behind(own, count)
    times, is_wrong = _count_times(view, own[first:], duration)
    if is_wrong:
        repaired.append(OGG_GRANULE)
    granules = [page.granule for page in own[:first]] + times
    is_alone = len(own) == len(pages)
    head = _opus_head(headers[0]) if codec == "opus" else None
    is_as_it_was = granules == [page.granule for page in own] and not repaired
    if is_alone and is_as_it_was and head is None:
        return Framing((Part((view[own[0].start : own[-1].end],)),))
    return Framing((Part(tuple(_render(view, own, granules, head))),), tuple(repaired))


def _choose_stream(view: memoryview, pages: list[Page]) -> tuple[int, str]:
    """The one stream that is sound, by its serial number, and its coding."""
    found = []
    for page in pages:
        if page.flags & FIRST:
            if not is_whole(view, page):
                raise AudioBad("audio_truncated", "the first page of the ogg is damaged or cut")
            head = bytes(view[page.body : page.body + 8])
            names = (name for magic, name in _CODECS if head.startswith(magic))
            found.append((page.serial, next(names, "an unknown coding")))
    read = [stream for stream in found if stream[1] in _READ]
    if len(read) == 1:
        return read[0]
    if not found:
        raise AudioBad("audio_truncated", "the ogg has no first page")
    all_of_it = " beside ".join(name for _, name in found)
    raise AudioBad("audio_unsupported", f"the ogg holds {all_of_it}")


def _check_pages(view: memoryview, pages: list[Page]) -> None:
    """Raise AudioBad where a page is missing, or is not what its checksum was made of."""
    for number, page in enumerate(pages, pages[0].number):
        if page.number != number:
            raise AudioBad("audio_truncated", f"the ogg lacks the page {number}")
        if not is_whole(view, page):
            raise AudioBad("audio_truncated", f"the page {number} of the ogg is damaged or cut")
    if pages[-1].sizes[-1:] == b"\xff":
        raise AudioBad("audio_truncated", "the ogg ends in the middle of a packet")


def _vorbis_duration(headers: list[bytes]) -> Duration | None:
    if len(headers) < 3:
        raise AudioBad("audio_truncated", "the ogg lacks one of its headers")
    return vorbis_duration(headers[0], headers[2])


def _page_behind(pages: list[Page], packets: int) -> int:
    """How many pages hold the first packets, which are headers; sound begins on a page of its own."""
    for index, page in enumerate(pages):
        packets -= sum(size < 255 for size in page.sizes)
        if packets <= 0:
            return index + 1
    return len(pages)


def _count_times(
    view: memoryview, pages: list[Page], duration: Duration | None
) -> tuple[list[int], bool]:
    """The times of the pages of sound, from zero on, and whether their own are wrong.

    Right is what goes on from page to page as the packets do, from zero or later: a part of what
    was sent live begins later. The last page may leave out the end of what is on it.
    """
    own = [page.granule for page in pages]
    if duration is None:
        return own, False
    ends = page_times(view, pages, duration)
    packets = [sum(size < 255 for size in page.sizes) for page in pages]
    timed = [at for at, count in enumerate(packets) if count]
    if not timed:
        return own, False
    *others, last = timed
    offsets = {own[at] - ends[at] for at in others}
    filled = ends[last] - (ends[others[-1]] if others else 0)
    if not others:
        # Nothing says when it began: at zero, if what the end leaves out is no more than usual.
        filled = min(filled, _MOST_FILLED * filled // packets[last])
        offsets = {max(own[last] - ends[last], 0)}
    offset = min(offsets)
    left_out = ends[last] + offset - own[last]
    is_steady = len(offsets) == 1 and 0 <= left_out <= filled
    if is_steady and offset == 0:
        return own, False
    times = [end if count else NO_GRANULE for end, count in zip(ends, packets, strict=True)]
    if is_steady:
        times[last] -= left_out
    return times, not is_steady or offset < 0


def _opus_head(head: bytes) -> bytes | None:
    """The first packet with a rate; None where it says one.

    A rate of 0 is one that is not said, and Opus is decoded at 48 kHz then (RFC 7845, section 5.1).
    """
    if len(head) < 19 or any(head[_RATE_AT]):
        return None
    return head[: _RATE_AT.start] + OPUS_RATE_HZ.to_bytes(4, "little") + head[_RATE_AT.stop :]


def _render(
    view: memoryview, pages: list[Page], granules: list[int], head: bytes | None
) -> Iterator[bytes | memoryview]:
    """The pages, each as it is or with what is right; `head` is the first one's packet."""
    for index, (page, granule) in enumerate(zip(pages, granules, strict=True)):
        flags = page.flags | LAST if index == len(pages) - 1 else page.flags
        body = head if index == 0 else None
        if (flags, granule) == (page.flags, page.granule) and body is None:
            yield view[page.start : page.end]
        else:
            yield render_page(view, page, flags=flags, granule=granule, body=body)
