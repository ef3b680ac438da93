"""A flow without subflows."""

from typing import Any, ClassVar

from hugflow.flows import AtomicFlow


class ReverseNumberAtomicFlow(AtomicFlow):
    """Takes in a number and reverses it."""

    version = "1.0"
    input_fields: ClassVar[dict[str, str]] = {"number": "int"}
    output_fields: ClassVar[dict[str, str]] = {"output_number": "int"}

    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        """`{"number": 1234}` gives `{"output_number": 4321}`."""
        return {"output_number": int(str(data["number"])[::-1])}
