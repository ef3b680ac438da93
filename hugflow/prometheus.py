"""Figures in the text form that Prometheus reads.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

    # HELP hugflow_dataset_rows Rows made.
    # TYPE hugflow_dataset_rows gauge
    hugflow_dataset_rows{dataset="acme__speech__split_train__rev_main"} 1000
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from hugflow.late_dataclass import dataclass

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric with all its samples.

    samples: labels and value of each. kind: a counter only rises.
    """

    name: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]
    kind: Literal["gauge", "counter"] = "gauge"


def render_figures(figures: Iterable[Figure]) -> str:
    """The text of all metrics; a metric without samples is left out."""
    lines: list[str] = []
    for figure in figures:
        if not figure.samples:
            continue
        lines.append(f"# HELP {figure.name} {_escape(figure.help)}")
        lines.append(f"# TYPE {figure.name} {figure.kind}")
        lines += [
            f"{figure.name}{_render_labels(labels)} {_render_number(value)}"
            for labels, value in figure.samples
        ]
    return "\n".join(lines) + "\n"


def _render_labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escape(value, quote=True)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _render_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _escape(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quote else text
