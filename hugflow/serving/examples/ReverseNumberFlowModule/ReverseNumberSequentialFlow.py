"""A flow whose work is done by its subflows."""

from typing import Any, ClassVar

from hugflow.flows import CompositeFlow


class ReverseNumberSequentialFlow(CompositeFlow):
    """Reverses a number twice, by two subflows, which another user may serve."""

    version = "1.0"
    input_fields: ClassVar[dict[str, str]] = {"number": "int"}
    output_fields: ClassVar[dict[str, str]] = {"output_number": "int"}

    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        """`{"number": 1234}` gives `{"output_number": 1234}`."""
        number = data["number"]
        for flow in self.subflows.values():
            future = flow.get_reply_future(flow.package_input_message({"number": number}))
            number = future.get_data()["output_number"]
        return {"output_number": number}
