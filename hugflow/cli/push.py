"""The command `push`: a finished dataset to another repository of the Hub, or to object storage."""

from typing import Annotated

import typer

from hugflow.activity import step
from hugflow.amounts import count, human_bytes
from hugflow.audit import this_user
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_one, entry_of, open_hub, open_project
from hugflow.cli.completion import complete_name
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_json
from hugflow.cli.verbs import print_done, print_field


def push(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A dataset.", autocompletion=complete_name)
    ],
    destination: Annotated[
        str, typer.Argument(metavar="DEST", help="owner/name on the Hub, or s3://bucket/folder.")
    ],
    is_public: Annotated[
        bool, typer.Option("--public", help="Make a new repository public; default: private.")
    ] = False,
    is_replacing: Annotated[
        bool,
        typer.Option("--replace", help="Replace what no push of this dataset has put there."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send a complete dataset onward: parquet shards with the audio in them, a card, the manifest.

    The manifest is sent last, and the version is visible at once or not at all. Run it again after
    a stop: what is there is not sent again. On the Hub the commit is tagged with the version.
    """
    project = open_project()
    # After open_project: the Hub's library reads its settings when it is imported.
    from hugflow.pushing.push import open_destination, push_dataset

    status = choose_one(project, read_project_requests(project), name)
    target = open_destination(
        destination, open_hub(project), is_private=not is_public, is_replacing=is_replacing
    )
    with step(f"pushing {status.name}"):
        pushed = push_dataset(
            project.places, status.name, target, actor=this_user(), where=destination
        )
    if as_json:
        entry = {
            **entry_of(status),
            "version": pushed.version,
            "address": pushed.address,
            "shards_sent": pushed.sent,
            "shards_kept": pushed.kept,
            "bytes": pushed.bytes,
        }
        print_json({"datasets": [entry]})
        return
    words = f"{status.name} is at {pushed.address}"
    print_done("pushed", words, words)
    shards = count(pushed.sent + pushed.kept, "shard")
    print_field("version", f"{pushed.version}, {shards}, {human_bytes(pushed.bytes)}", 8)
