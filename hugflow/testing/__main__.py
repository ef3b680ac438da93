"""`python -m hugflow.testing`: a loopback Hub with samples on it, for another shell to use."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from hugflow.errors import HugflowError
from hugflow.testing.column_types import publish_types
from hugflow.testing.control import inject_order
from hugflow.testing.fault_text import parse_order
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder, publish_script
from hugflow.testing.prompts import publish_prompts
from hugflow.testing.refusals import publish_refusals
from hugflow.testing.samples import publish_speech, publish_subsets, publish_text
from hugflow.testing.shapes import publish_shape, publish_shapes

# By the name to ask for: the repository, and what publishes it there.
SAMPLES: dict[str, tuple[str, Callable[[LoopbackHub, str], str]]] = {
    "speech": ("acme/tiny-speech", publish_speech),
    "text": ("acme/tiny-text", publish_text),
    "subsets": ("acme/two-languages", publish_subsets),
    "prompts": ("asterisk/core-sounds-en", publish_prompts),
    "mixed": ("acme/mixed-audio", lambda hub, repo_id: publish_shape(hub, "mixed", repo_id)),
    "odd": ("acme/odd-audio", lambda hub, repo_id: publish_shape(hub, "odd", repo_id)),
    "audiofolder": ("acme/audio-folder", publish_audiofolder),
    "converted": (
        "acme/audio-folder-converted",
        lambda hub, repo_id: publish_audiofolder(hub, repo_id, converted="whole"),
    ),
    "script": ("acme/by-script", publish_script),
}
# By the name to ask for: what publishes several repositories, under names of its own.
COLLECTIONS: dict[str, Callable[[LoopbackHub], dict[str, str]]] = {
    "shapes": publish_shapes,
    "types": publish_types,
    "refusals": publish_refusals,
}
DEFAULT_SAMPLES = ("speech", "text", "subsets")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the first line printed says where, as JSON."""
    asked = build_parser().parse_args(arguments)
    names = asked.sample or DEFAULT_SAMPLES
    stop = threading.Event()

    def end(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        orders = [parse_order(text) for text in asked.fault]
        with LoopbackHub(port=asked.port) as hub:
            commits = publish_samples(hub, names)
            for token in asked.token:
                hub.add_token(token, "reader", commits)
            for order in orders:
                inject_order(hub, order)
            line = json.dumps({"endpoint": hub.endpoint, "datasets": commits})
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            stop.wait()
    except HugflowError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m hugflow.testing",
        description="Serve sample datasets on 127.0.0.1 as huggingface.co would, until SIGTERM or "
        "Ctrl-C. The first line on stdout is JSON: endpoint, and commit by dataset. Point "
        "HF_ENDPOINT at the endpoint in another shell. See docs/testing.md.",
    )
    parser.add_argument(
        "--sample",
        action="append",
        choices=sorted(SAMPLES | COLLECTIONS),
        help=f"a dataset to publish; may be repeated (default: {', '.join(DEFAULT_SAMPLES)})",
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port of the API (default: one that is free)"
    )
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        help="a token to accept besides none at all, such as hf_test_reader; may be repeated",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        help="what goes wrong, such as 'storage GET *.parquet reset:1000 x2', or JSON; may be "
        "repeated. While it runs: POST to /_hugflow/faults",
    )
    return parser


def publish_samples(hub: LoopbackHub, names: Sequence[str]) -> dict[str, str]:
    """Publish samples and collections by name; the commit by repository."""
    commits: dict[str, str] = {}
    for name in names:
        if name in COLLECTIONS:
            commits |= COLLECTIONS[name](hub)
        else:
            repo_id, publish = SAMPLES[name]
            commits[repo_id] = publish(hub, repo_id)
    return commits


if __name__ == "__main__":
    sys.exit(main())
