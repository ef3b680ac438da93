"""Whose a destination is: a push replaces and deletes only what a push of the same dataset made."""

from hugflow.errors import UsageWrong
from hugflow.redact import redact
from hugflow.stages.tree.manifest import MANIFEST, Manifest


def parse_manifest(data: bytes) -> Manifest | None:
    """The manifest in the bytes of a file at a destination; None if it is no manifest of ours."""
    try:
        return MANIFEST.parse(data)
    except ValueError:
        return None


def not_ours(where: str, dataset: str, why: str) -> UsageWrong:
    """The error for a destination with something that no push of the dataset made."""
    return UsageWrong(
        f"{dataset} is not pushed to {redact(where)}",
        why=why,
        mend="push to another destination, or give --replace if nothing of that is needed",
    )
