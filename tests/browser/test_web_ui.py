"""What people see: a real Chromium on a real `hugflow up`, on a dataset that came from main."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from hugflow.ledger.stages import asset_names
from tests.browser.conftest import BROKEN_ROW, HF_ID, NAME, REFUSED_NAME, TOKEN, WORDS
from tests.browser.platform import Platform

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


def picture(page: Page, alt: str) -> Locator:
    """The picture whose alternative text begins so, seen and not a broken one."""
    found = page.get_by_role("img", name=re.compile(f"^{alt}"))
    expect(found).to_be_visible()
    assert found.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    return found


def entry(page: Page, key: str) -> Locator:
    """The row of the metadata table that holds an entry."""
    return page.get_by_role("row").filter(has=page.get_by_text(key, exact=True)).first


def test_the_group_of_a_dataset_shows_its_six_assets(page: Page, platform: Platform):
    page.goto(platform.group)
    for stage in ("plan", *asset_names(has_flows=True)):
        expect(page.get_by_text(stage, exact=True).first).to_be_visible()


def test_an_asset_says_the_words_of_the_request_and_runs_none_of_them(
    page: Page, platform: Platform
):
    page.goto(platform.asset("raw"))
    expect(page.get_by_text(WORDS)).to_be_visible()
    expect(page.locator("b", has_text="ticket")).to_have_count(0)
    assert page.locator("a[href^='javascript']").count() == 0
    link = entry(page, "hub").get_by_role("link").first
    expect(link).to_have_attribute("href", re.compile(f"/datasets/{HF_ID}/tree/main$"))


def test_the_reason_of_a_failed_row_is_two_clicks_away(page: Page, platform: Platform):
    page.goto(platform.asset("audio"))
    page.get_by_role("tab", name="Partitions").click()
    page.get_by_text(platform.partition_keys()[1], exact=True).first.click()
    reason = page.get_by_role("row").filter(has_text="audio_unsupported").last
    expect(reason).to_be_visible()
    expect(reason.get_by_role("cell").first).to_have_text(str(BROKEN_ROW))
    expect(reason).to_contain_text("the audio begins like no audio format")


def test_a_partition_shows_the_waveform_of_its_first_clip(page: Page, platform: Platform):
    page.goto(platform.asset("audio", f"partitions&partition={platform.partition_keys()[0]}"))
    picture(page, "Waveform of row 0: ")


def test_the_clips_of_the_sample_rows_play_on_a_page_beside_the_ui(page: Page, platform: Platform):
    page.goto(platform.asset("audio", f"partitions&partition={platform.partition_keys()[0]}"))
    link = entry(page, "listen").get_by_role("link", name="rows 0, 1, 2")
    link.click()
    players = page.locator("audio")
    expect(players).to_have_count(3)
    seconds = """player => new Promise((done, fail) => {
        player.onerror = () => fail(player.error.message);
        player.onloadedmetadata = () => done(player.duration);
        player.load();
    })"""
    assert players.first.evaluate(seconds) > 0.1


def test_a_partition_shows_sample_rows_and_how_long_its_clips_are(page: Page, platform: Platform):
    page.goto(platform.asset("metadata", f"partitions&partition={platform.partition_keys()[0]}"))
    picture(page, "Durations of 4 clips")
    expect(page.get_by_role("cell", name="audio/clip-00000.mp3", exact=True)).to_be_visible()


def test_the_asset_of_the_steps_shows_module_commit_and_counts_in_a_table(
    page: Page, platform: Platform
):
    page.goto(platform.asset("flows", f"partitions&partition={platform.partition_keys()[0]}"))
    line = page.get_by_role("row").filter(has=page.get_by_role("cell", name="mark", exact=True))
    cells = line.last.get_by_role("cell")
    expect(cells).to_have_text(
        ["mark", "acme/Marks", re.compile("^[0-9a-f]{7,40}$"), "3", "1", "0"]
    )


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_published_dataset_shows_its_durations_in_every_theme(
    page: Page, platform: Platform, theme: str
):
    page.add_init_script(f"localStorage.setItem('dagster-theme', '\"{theme}\"')")
    page.goto(platform.asset("processed"))
    # Twelve rows: one has no sound, the step leaves one out and fails at another.
    picture(page, "Durations of 9 clips")
    for key, number in (("dataset_failed_rows", "1"), ("dataset_rows_after_steps", "9")):
        expect(entry(page, key).get_by_role("cell", name=number, exact=True)).to_be_visible()


def test_numbers_are_plotted_over_the_partitions(page: Page, platform: Platform):
    page.goto(platform.asset("audio"))
    page.get_by_role("button", name="Plots").click()
    for number in ("failed_rows", "bytes", "audio_hours", "seconds_per_row"):
        expect(page.get_by_text(number, exact=True)).to_be_visible()


def test_the_log_of_a_run_names_each_shard_and_its_compute_log_tells_the_story(
    page: Page, platform: Platform
):
    (run,) = platform.runs()
    page.goto(f"{platform.url}/runs/{run}")
    # The page opens at the end of the log, and holds only the lines in view.
    expect(page.get_by_text("RUN_SUCCESS", exact=True).first).to_be_visible()
    expect(page.get_by_text(platform.partition_keys()[-1]).first).to_be_visible()
    page.get_by_role("button", name="stderr").click()
    page.get_by_placeholder("Select a step").click()
    page.get_by_role("menuitem", name="2 steps").click()
    for line in (
        f"raw, audio, metadata of {NAME}",
        f"flows, processed of {NAME}",
        "shard 00001-of-00003 is done: 3 rows, 3 of them new, 1 failed",
        f"{NAME} is published",
    ):
        expect(page.get_by_text(line)).to_be_visible()


def test_the_tab_of_checks_shows_that_each_of_them_succeeded(page: Page, platform: Platform):
    page.goto(platform.asset("processed", "checks"))
    checks = platform.check_names("processed")
    assert "rows_complete" in checks
    expect(page.get_by_text(f"Checks ({len(checks)})")).to_be_visible()
    for check in checks:
        expect(page.get_by_text(check).first).to_be_visible()
    expect(page.get_by_text("Execution failed")).to_have_count(0)
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(len(checks))


def test_the_overview_shows_each_dataset_and_the_totals(page: Page, platform: Platform):
    page.goto(platform.overview)
    line = page.get_by_role("row").filter(has=page.get_by_role("cell", name=NAME, exact=True))
    expect(line.last).to_contain_text("completed")
    expect(entry(page, "dataset_count").get_by_text("2", exact=True)).to_be_visible()


def test_a_request_that_cannot_be_planned_is_a_failed_check_with_why_and_fix(
    page: Page, platform: Platform
):
    page.goto(platform.check("plan", "can_be_planned", REFUSED_NAME))
    for text in ("why", "fix"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile("split")).first).to_be_visible()


def test_audio_with_failed_rows_shows_a_warning(page: Page, platform: Platform):
    page.goto(platform.check("audio", "no_failed_rows"))
    expect(page.get_by_text("1 of 12 rows of this run failed").first).to_be_visible()


def test_no_compute_log_holds_the_token(platform: Platform):
    kept = platform.compute_logs()
    assert "Starting download..." in kept
    assert TOKEN not in kept
