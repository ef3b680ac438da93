"""The pictures of the web UI in the docs, taken again: `python -m tests.browser.screenshots`.

Real speech (Debian's telephone prompts), of which two clips are broken, and a request that names a
column which its dataset does not have. Each picture stays below 100 kB.
"""

import os
import tempfile
from pathlib import Path

import pyarrow as pa
from playwright.sync_api import Page, expect

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.prompts import CARD, prompts_table
from hugflow.testing.samples import publish_tables, to_audio_column
from tests.browser.conftest import open_chromium
from tests.browser.platform import Platform, open_platform

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HF_ID = "acme/telephone-prompts"
NAME = "acme__telephone-prompts__split_train__rev_main"
REQUEST = f"""\
hf_id: "{HF_ID}"
description: "Prompts of a telephone exchange, for the wake word team"
owner: "team:speech"
"""
REFUSED = "acme__telephone-prompts__split_test__rev_main"
MORE = f"""\
hf_id: "{HF_ID}"
description: "The same prompts, for tests"
split: "test"
"""
MOST_BYTES = 100_000
# In the second of four shards.
BROKEN = {150: b"no audio at all", 171: b""}
MARGIN = 16
SETTLED_MS = 3_000


def main() -> None:
    """Publish, build, look, and write the pictures."""
    with tempfile.TemporaryDirectory(prefix="hugflow-") as folder, LoopbackHub() as hub:
        os.environ["HF_HOME"] = f"{folder}/hf"
        publish_tables(hub, HF_ID, {"default": {"train": table()}}, shards=4, card=CARD)
        with (
            open_platform(hub, Path(folder), REQUEST, NAME, more=MORE) as platform,
            open_chromium() as browser,
        ):
            page = browser.new_page(viewport={"width": 1250, "height": 1000})
            take(page, platform, "audio", "failed-rows.png", until="waveform", below="listen")
            take(page, platform, "metadata", "durations.png", until="durations")
            (run,) = platform.runs()
            look(page, platform.group, "lineage.png", until="processed")
            look(page, f"{platform.url}/runs/{run}", "run.png", until="RUN_SUCCESS")
            refused = platform.check("plan", "can_be_planned", REFUSED)
            look(page, refused, "refused.png", until="fix")
            # The sensor's next look refreshes it.
            overview = platform.overview
            look(page, overview, "overview.png", until="completed", down_to="datasets")
    for name in sorted(IMAGES.glob("*.png")):
        if name.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{name} has {name.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


def table() -> pa.Table:
    """The prompts, and what cannot be read in the place of some."""
    whole = prompts_table()
    contents = [value["bytes"] for value in whole["audio"].to_pylist()]
    for row, content in BROKEN.items():
        contents[row] = content
    audio = to_audio_column(contents, whole["audio_filename"].to_pylist())
    return whole.set_column(whole.column_names.index("audio"), whole.schema.field("audio"), audio)


def take(
    page: Page, platform: Platform, stage: str, name: str, *, until: str, below: str | None = None
) -> None:
    """One picture of a partition: from its name to the entry `until`, or to the one `below` it."""
    key = platform.partition_keys()[1]
    page.goto(platform.asset(stage, f"partitions&partition={key}"))
    entry = page.get_by_role("row").filter(has=page.get_by_text(until, exact=True)).first
    image = entry.get_by_role("img").first
    expect(image).to_be_visible(timeout=60_000)
    image.evaluate("image => image.decode()")
    # The last of them lies below the heading and has no height: it measures the heading's width.
    last = page.get_by_text(below, exact=True).first if below is not None else image
    begin, end = page.get_by_text(key, exact=True).last.bounding_box(), last.bounding_box()
    assert begin is not None
    assert end is not None
    left, top = begin["x"] - MARGIN, begin["y"] - 3 * MARGIN
    page.screenshot(
        path=IMAGES / name,
        clip={
            "x": left,
            "y": top,
            "width": page.viewport_size["width"] - left,  # type: ignore[index]
            "height": end["y"] + end["height"] + MARGIN - top,
        },
    )


def look(page: Page, url: str, name: str, *, until: str, down_to: str | None = None) -> None:
    """One picture of a page, once it shows the text `until`; of a long page from `down_to` on."""
    page.set_viewport_size({"width": 2100 if down_to else 1250, "height": 620})
    page.goto(url)
    expect(page.get_by_text(until, exact=True).first).to_be_visible(timeout=60_000)
    # Graphs are laid out after their text is there.
    page.wait_for_timeout(SETTLED_MS)
    if down_to is not None:
        entry = page.get_by_text(down_to, exact=True).first
        entry.evaluate("entry => entry.scrollIntoView({block: 'start'})")
        page.wait_for_timeout(SETTLED_MS)
    width = page.viewport_size["width"]  # type: ignore[index]
    # Without the menu on the left.
    page.screenshot(
        path=IMAGES / name, clip={"x": 240, "y": 0, "width": width - 240, "height": 540}
    )


if __name__ == "__main__":
    main()
