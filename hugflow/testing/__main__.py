"""`python -m hugflow.testing`: a loopback Hub with samples on it, for another shell to use."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from hugflow.errors import HugflowError
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.prompts import publish_prompts
from hugflow.testing.samples import publish_speech, publish_subsets, publish_text

# By the name to ask for: the repository, and what publishes it there.
SAMPLES: dict[str, tuple[str, Callable[[LoopbackHub, str], str]]] = {
    "speech": ("acme/tiny-speech", publish_speech),
    "text": ("acme/tiny-text", publish_text),
    "subsets": ("acme/two-languages", publish_subsets),
    "prompts": ("asterisk/core-sounds-en", publish_prompts),
}
DEFAULT_SAMPLES = ("speech", "text", "subsets")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the first line printed says where, as JSON."""
    asked = build_parser().parse_args(arguments)
    stop = threading.Event()

    def end(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        with LoopbackHub(port=asked.port) as hub:
            for token in asked.token:
                hub.add_token(token, "reader", (repo_id for repo_id, _ in SAMPLES.values()))
            commits = publish_samples(hub, asked.sample or DEFAULT_SAMPLES)
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
        "HF_ENDPOINT at the endpoint in another shell.",
    )
    parser.add_argument(
        "--sample",
        action="append",
        choices=sorted(SAMPLES),
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
    return parser


def publish_samples(hub: LoopbackHub, names: Sequence[str]) -> dict[str, str]:
    """Publish samples by name; the commit by repository."""
    return {
        repo_id: publish(hub, repo_id) for repo_id, publish in (SAMPLES[name] for name in names)
    }


if __name__ == "__main__":
    sys.exit(main())
