"""How many rows of a step are run at once, and which rows have a file already."""

from pathlib import Path

from hugflow.stages.flowing.run_steps import (
    LARGEST_WINDOW,
    WINDOW_BYTES,
    WINDOW_S,
    Present,
    count_fitting,
    next_size,
)


def test_a_window_grows_while_it_is_quick_and_shrinks_while_it_is_slow():
    assert next_size(4, 0.0, 10) == 8
    assert next_size(LARGEST_WINDOW, 0.0, 10) == LARGEST_WINDOW
    assert next_size(8, 3 * WINDOW_S, 10) == 4
    assert next_size(1, 3 * WINDOW_S, 10) == 1


def test_a_window_of_long_texts_or_long_results_is_small():
    assert next_size(64, 0.0, WINDOW_BYTES // 4) == 4
    assert next_size(64, 0.0, 2 * WINDOW_BYTES) == 1
    long = {"text": "a" * (WINDOW_BYTES // 4 + 1)}
    assert count_fitting([long] * 10) == 3
    assert count_fitting([{"text": "a" * (WINDOW_BYTES + 1)}]) == 1
    assert count_fitting([{"text": "a", "row": 1}] * 10) == 10
    assert count_fitting([]) == 1


def test_a_folder_of_row_files_is_listed_once_for_all_shards(tmp_path: Path):
    for name in ("0.json", "3.json", "12.json", ".4.json.tmp", "x.json"):
        (tmp_path / name).touch()
    present = Present(tmp_path)
    assert present.find(range(4)) == {0, 3}
    (tmp_path / "5.json").touch()
    assert present.find(range(4, 20)) == {12}
    assert Present(tmp_path / "none").find(range(4)) == set()
