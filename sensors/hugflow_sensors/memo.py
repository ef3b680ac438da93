"""The sensor's memo as the text of its cursor.

{
  "version": 2,
  "troubles": {
    "acme__speech__split_train__rev_main": ["<request>", 2, 1793000000.0, 1793000120.0, "..."]
  },
  "reloaded": ["<catalogue>", 1793000000.0]
}
"""

import json

from hugflow_sensors.decide import Memo, Trouble

VERSION = 2


def read_memo(cursor: str | None) -> Memo:
    """The memo of a cursor; an empty one when it is missing or cannot be read."""
    try:
        value = json.loads(cursor or "")
        if value["version"] != VERSION:
            return Memo({})
        reloaded = value["reloaded"]
        return Memo(
            {
                name: Trouble(str(request), int(failures), float(at), float(not_before), str(what))
                for name, (request, failures, at, not_before, what) in value["troubles"].items()
            },
            None if reloaded is None else (str(reloaded[0]), float(reloaded[1])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return Memo({})


def write_memo(memo: Memo) -> str:
    """The cursor that keeps a memo."""
    return json.dumps(
        {
            "version": VERSION,
            "troubles": {
                name: [
                    trouble.request,
                    trouble.failures,
                    trouble.at,
                    trouble.not_before,
                    trouble.what,
                ]
                for name, trouble in memo.troubles.items()
            },
            "reloaded": memo.reloaded,
        }
    )
