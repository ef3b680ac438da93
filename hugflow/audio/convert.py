"""Any audio value to one mono MP3."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Self, TypeAlias

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import DEFAULT_RULES, Clip, ClipRules
from hugflow.audio.decoders.mp3_parts import count_copyable
from hugflow.audio.decoders.registry import choose_decoder
from hugflow.audio.level_watch import LevelWatch
from hugflow.audio.meter import Meter
from hugflow.audio.mono import Samples
from hugflow.audio.mp3 import AudioInfo, Mp3, encode_mp3
from hugflow.audio.mp3_frames import Mp3Stream
from hugflow.audio.quality import Quality
from hugflow.audio.resample import resample
from hugflow.audio.samples import open_array, open_decoder
from hugflow.audio.spool import Spool
from hugflow.audio.value import (
    AudioValue,
    DecoderAudio,
    EncodedAudio,
    NamedAudio,
    SampledAudio,
    read_audio_value,
    view_bytes,
)
from hugflow.late_dataclass import dataclass

log = logging.getLogger("hugflow.audio")

FOUND_DECODER = "Found AudioDecoder object, extracting audio"
CONVERTED_DECODER = "Successfully extracted and converted AudioDecoder audio"

# Lends the bytes of the file that a dataset's path means, and refuses every other with AudioBad
# (`path_refused`, `path_not_found`). They are not looked at behind its end, but the traceback of
# an error may still hold a view of them: mapped memory is better left to the garbage collector.
OpenPath: TypeAlias = Callable[[str], AbstractContextManager[bytes | memoryview]]
Say: TypeAlias = Callable[[str], None]
NewSpool: TypeAlias = Callable[[], Spool]


@dataclass(frozen=True, slots=True, eq=False)
class Converter:
    """Makes the MP3s of one shard, in any number of threads; the fields are `make_mp3`'s.

    What is said of decoder objects is said once at INFO, and then at DEBUG.
    """

    copy_mp3: bool
    open_path: OpenPath | None = None
    spill_folder: Path | None = None
    stop: Event | None = None
    rules: ClipRules = DEFAULT_RULES
    _said: set[str] = field(default_factory=set, init=False, repr=False)
    _saying: Lock = field(default_factory=Lock, init=False, repr=False)

    def __call__(self, value: AudioValue) -> Mp3:
        """Make one row's MP3."""
        return make_mp3(
            value,
            copy_mp3=self.copy_mp3,
            open_path=self.open_path,
            spill_folder=self.spill_folder,
            say=self._say,
            stop=self.stop,
            rules=self.rules,
        )

    def _say(self, words: str) -> None:
        with self._saying:
            level = logging.DEBUG if words in self._said else logging.INFO
            self._said.add(words)
        log.log(level, words)


def make_mp3(
    value: AudioValue,
    *,
    copy_mp3: bool,
    open_path: OpenPath | None = None,
    spill_folder: Path | None = None,
    say: Say = log.debug,
    stop: Event | None = None,
    rules: ClipRules = DEFAULT_RULES,
) -> Mp3:
    """Make one row's MP3: of one channel, at its source's rate, and as long, to the sample.

    Another rate, or bitrate, is made where `rules.encoding` asks for it.

    value: see `read_audio_value`. copy_mp3: pass an MP3 through byte for byte, ID3 tags and all,
    when it is mono, whole, and of a length that libsndfile reads as we count it. open_path: opens
    what has a path and no bytes; without it such audio is unsupported. spill_folder, stop: where a
    long MP3 waits, and when it is given up, see `Spool`. say: is told what has been done with a
    decoder object. rules: what may become a clip.

    A rate that MP3 lacks becomes the nearest lower one, or 8 kHz. The same value gives the same
    bytes, in any thread. Raises AudioBad, see `REASONS`, OSError where a disk fails, and Stopped.
    """
    new_spool = partial(Spool, spill_folder, stop)
    match read_audio_value(value):
        case EncodedAudio() as audio:
            return _make_from_bytes(audio, copy_mp3, rules, new_spool)
        case NamedAudio(path):
            return _make_from_path(path, copy_mp3, rules, open_path, new_spool)
        case SampledAudio() as audio:
            return _encode(open_array(audio, rules), audio.path, new_spool, rules)
        case DecoderAudio() as audio:
            say(FOUND_DECODER)
            mp3 = _encode(open_decoder(audio, rules), None, new_spool, rules)
            say(CONVERTED_DECODER)
            return mp3


def copy_if_sound(audio: EncodedAudio, rules: ClipRules) -> Mp3 | None:
    """The MP3 byte for byte, if the clip is one that may be copied; nothing is decoded.

    Raises AudioBad for what no decoder takes, and for a clip that is too long.
    """
    _, container = choose_decoder(audio.data)
    if container != "mp3" or not (copyable := count_copyable(audio.data)):
        return None
    stream, num_samples = copyable
    if not rules.encoding.fits(stream.first.sampling_rate, stream.bitrate_kbps):
        return None
    rules.check_length(num_samples, stream.first.sampling_rate)
    return _copy(audio, stream, num_samples)


def copy_out(mp3: Mp3, new_spool: NewSpool) -> Mp3:
    """The same MP3 with bytes of its own, if its bytes are only lent."""
    return _take_out(mp3, mp3.body, new_spool) if isinstance(mp3.body, memoryview) else mp3


def _make_from_path(
    path: str,
    copy_mp3: bool,
    rules: ClipRules,
    open_path: OpenPath | None,
    new_spool: NewSpool,
) -> Mp3:
    if open_path is None:
        raise AudioBad("audio_unsupported", f"the audio is a path without bytes: {path}")
    with open_path(path) as data:
        audio = EncodedAudio(view_bytes(data), path)
        return copy_out(_make_from_bytes(audio, copy_mp3, rules, new_spool), new_spool)


def _take_out(mp3: Mp3, lent: memoryview, new_spool: NewSpool) -> Mp3:
    """The same MP3 with bytes of its own."""
    own = new_spool()
    try:
        own.append(lent)
    except BaseException:
        own.close()
        raise
    return replace(mp3, body=own)


def _make_from_bytes(
    audio: EncodedAudio, copy_mp3: bool, rules: ClipRules, new_spool: NewSpool
) -> Mp3:
    if copy_mp3 and (copied := copy_if_sound(audio, rules)):
        return _measured(copied, audio, rules) if rules.measure == "all" else copied
    decoder, container = choose_decoder(audio.data)
    with decoder.open_bytes(audio.data, container, rules) as clip:
        return _encode(clip, audio.path, new_spool, rules)


def _measured(copied: Mp3, audio: EncodedAudio, rules: ClipRules) -> Mp3:
    """The same with its quality; without where its decoder fails, as copying needs no decoding."""
    meter = Meter(copied.info.sampling_rate)
    decoder, container = choose_decoder(audio.data)
    try:
        with decoder.open_bytes(audio.data, container, rules) as clip:
            for _ in meter.watch(clip.blocks):
                pass
    except AudioBad as bad:
        log.debug("a copied MP3 is not measured: %s", bad.message)
        return copied
    return replace(copied, info=replace(copied.info, quality=meter.quality))


def _copy(audio: EncodedAudio, stream: Mp3Stream, num_samples: int) -> Mp3:
    info = AudioInfo(
        sampling_rate=stream.first.sampling_rate,
        num_samples=num_samples,
        source_format="mp3",
        source_sampling_rate=stream.first.sampling_rate,
        source_channels=1,
        bitrate_kbps=stream.bitrate_kbps,
        copied=True,
        source_path=audio.path,
    )
    return Mp3(info, b"", audio.data)


@dataclass(frozen=True, slots=True)
class Sound:
    """A clip on its way to its MP3. blocks: at rate_hz, which is the MP3's; may be taken once."""

    clip: Clip
    source_path: str | None
    rate_hz: int
    blocks: Iterator[Samples]
    _watch: LevelWatch

    @classmethod
    def of(cls, clip: Clip, source_path: str | None, rules: ClipRules) -> Self:
        """Nothing is decoded before a block is taken."""
        rate_hz = rules.encoding.rate_for(clip.sampling_rate)
        watch = LevelWatch(clip.blocks, clip.source_format)
        blocks = iter(watch)
        if rate_hz != clip.sampling_rate:
            blocks = resample(blocks, clip.sampling_rate, rate_hz)
        return cls(clip, source_path, rate_hz, blocks, watch)

    def info(self, num_samples: int, rules: ClipRules, quality: Quality | None) -> AudioInfo:
        """What is known of its MP3, once all blocks are taken."""
        return AudioInfo(
            sampling_rate=self.rate_hz,
            num_samples=num_samples,
            source_format=self.clip.source_format,
            source_sampling_rate=self.clip.sampling_rate,
            source_channels=self.clip.channels,
            bitrate_kbps=rules.encoding.bitrate_for(self.rate_hz),
            copied=False,
            source_path=self.source_path,
            repaired=self.clip.repaired,
            level=self._watch.level,
            quality=quality,
        )


def _encode(clip: Clip, source_path: str | None, new_spool: NewSpool, rules: ClipRules) -> Mp3:
    sound = Sound.of(clip, source_path, rules)
    meter = Meter(sound.rate_hz) if rules.measure != "false" else None
    blocks = sound.blocks if meter is None else meter.watch(sound.blocks)
    body = new_spool()
    head, num_samples = encode_mp3(blocks, sound.rate_hz, body, rules.encoding)
    quality = None if meter is None else meter.quality
    return Mp3(sound.info(num_samples, rules, quality), head, body)
