"""`python -m hugflow.testing`: a loopback Hub with samples on it, for another shell to use.

With `--github` and `--slack` it serves those too.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any

from hugflow.errors import HugflowError, UsageWrong
from hugflow.testing.column_types import publish_types
from hugflow.testing.control import inject_order
from hugflow.testing.fault_text import Order, parse_order
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder, publish_script
from hugflow.testing.prompts import publish_prompts
from hugflow.testing.refusals import publish_refusals
from hugflow.testing.samples import publish_speech, publish_subsets, publish_text
from hugflow.testing.served import fill_github, fill_slack, name_settings
from hugflow.testing.shapes import publish_shape, publish_shapes
from hugflow.testing.slack import LoopbackSlack
from hugflow.testing.stand_in import StandIn

# By sample name: the repository, and the function that publishes it.
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
# By sample name: the function that publishes several repositories, under its own names.
COLLECTIONS: dict[str, Callable[[LoopbackHub], dict[str, str]]] = {
    "shapes": publish_shapes,
    "types": publish_types,
    "refusals": publish_refusals,
}
DEFAULT_SAMPLES = ("speech", "text", "subsets")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the first printed line has the addresses, as JSON."""
    asked = build_parser().parse_args(arguments)
    stop = threading.Event()

    def end(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        orders = [parse_order(text) for text in asked.fault]
        with ExitStack() as exits:
            stand_ins, said = open_stand_ins(asked, exits)
            for order in orders:
                inject_order(find_stand_in(stand_ins, order), order)
            sys.stdout.write(f"{json.dumps(said)}\n")
            sys.stdout.flush()
            stop.wait()
    except HugflowError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def open_stand_ins(
    asked: argparse.Namespace, exits: ExitStack
) -> tuple[dict[str, StandIn], dict[str, Any]]:
    """The requested stand-ins by name, filled, and the content of the first line."""
    hub = exits.enter_context(LoopbackHub(port=asked.port))
    commits = publish_samples(hub, asked.sample or DEFAULT_SAMPLES)
    for token in asked.token:
        hub.add_token(token, "reader", commits)
    stand_ins: dict[str, StandIn] = {"hub": hub}
    said = {"endpoint": hub.endpoint, "control": hub.control_url, "datasets": commits}
    if asked.github:
        wanted = LoopbackGitHub(port=asked.github_port, prefix=asked.github_prefix)
        stand_ins["github"] = github = exits.enter_context(wanted)
        said["github"] = fill_github(github, asked.github)
    if asked.slack:
        stand_ins["slack"] = slack = exits.enter_context(LoopbackSlack(port=asked.slack_port))
        said["slack"] = fill_slack(slack, asked.slack)
    said["environment"] = name_settings(said)
    return stand_ins, said


def find_stand_in(stand_ins: Mapping[str, StandIn], order: Order) -> StandIn:
    """The stand-in that a fault is for: by its port, else the Hub."""
    name = order.when.port if order.when.port in {"github", "slack"} else "hub"
    if name not in stand_ins:
        raise UsageWrong(
            f"there is no {name} for the fault to strike",
            why="it is served only where it is asked for",
            mend=f"add --{name}",
        )
    return stand_ins[str(name)]


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m hugflow.testing",
        description="Serve sample datasets on 127.0.0.1 as huggingface.co would, until SIGTERM or "
        "Ctrl-C. The first line on stdout is JSON: endpoint, commit by dataset, and in "
        '"environment" what to set in another shell.',
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
        help="what goes wrong, such as 'storage GET *.parquet reset:1000 x2' or "
        "'github POST */comments reset with-effect', or JSON; may be repeated. While it runs: POST "
        "to /_hugflow/faults",
    )
    parser.add_argument(
        "--github",
        nargs="?",
        const="acme/requests",
        metavar="OWNER/NAME",
        help="serve GitHub too, with this repository (default: acme/requests)",
    )
    parser.add_argument(
        "--slack",
        nargs="?",
        const="#ml-datasets",
        metavar="CHANNEL",
        help="serve Slack too, with this channel (default: #ml-datasets)",
    )
    for name in ("github", "slack"):
        parser.add_argument(
            f"--{name}-port", type=int, default=0, help="its port (default: one that is free)"
        )
    parser.add_argument(
        "--github-prefix", default="", help="the path of its API, such as /api/v3 (default: none)"
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
