"""Whether a manifest that could be read can also be used."""

import re
from collections.abc import Mapping
from typing import Any

from hugflow.stages.stored import manifest_identity

# A byte is held for each of them.
MOST_ROWS = 1_000_000_000
_PLAN_ID = re.compile(r"[0-9a-f]{16}")


def find_misfit(manifest: Mapping[str, Any], name: str) -> str | None:
    """Why a manifest cannot be used; None when it has the shape of one, and is this dataset's."""
    try:
        if manifest["dataset"] != name:
            return f"it is the manifest of {manifest['dataset']!r}"
        counts = [manifest["rows"][key] for key in ("planned", "made", "failed")]
        counts += [manifest["audio"][key] for key in ("files", "bytes", "copied", "encoded")]
        counts += [manifest[part][key] for part in ("json", "source") for key in ("files", "bytes")]
        is_sound = (
            manifest_identity(manifest) is not None
            and "audio_column" in manifest
            and isinstance(manifest["commit"], str)
            and bool(_PLAN_ID.fullmatch(manifest["plan"]))
            and isinstance(manifest["run"], dict)
            and isinstance(manifest["audio"]["seconds"], int | float)
            and all(type(count) is int and count >= 0 for count in counts)
            and manifest["rows"]["planned"] <= MOST_ROWS
            and all(isinstance(digest, str) for digest in manifest["index"].values())
        )
    except (KeyError, TypeError, AttributeError) as error:
        return f"it is damaged: {type(error).__name__}: {error}"
    return None if is_sound else "it is damaged: a value has another type than it should"
