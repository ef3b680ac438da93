"""docs/requests.md and the code say the same."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hugflow.requests.model import AddRequest, RemoveRequest, json_schema
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import parse_request

PAGE = (Path(__file__).parents[2] / "docs" / "requests.md").read_text()
ADDING, REMOVING = (
    re.search(rf"## {title}\n(.*?)\n## ", PAGE, re.DOTALL)[1]
    for title in ("Adding a dataset", "Removing a dataset")
)


@pytest.mark.parametrize(("model", "section"), [(AddRequest, ADDING), (RemoveRequest, REMOVING)])
def test_the_page_lists_every_field_and_no_other(model, section):
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == model.model_fields.keys()


@pytest.mark.parametrize(("folder", "section"), [("add", ADDING), ("remove", REMOVING)])
def test_the_examples_of_the_page_are_requests(folder, section):
    for example in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL):
        assert parse_request(example.encode(), f"requests/{folder}/x.yaml")


def test_the_message_of_the_page_is_the_one_that_is_given():
    with pytest.raises(RequestFileInvalid) as caught:
        parse_request(b"hf_id: a/b\ndescription: x\nsplt: test\n", "requests/add/x.yaml")
    assert str(caught.value) in PAGE


def test_every_message_of_the_page_is_one_of_ours():
    source = "".join(
        path.read_text() for path in (Path(__file__).parents[2] / "hugflow/requests").glob("*.py")
    )
    table = PAGE.partition("| message | mend |")[2]
    for message in re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE):
        fixed_words = max(re.split(r"[0-9]+| a number|U\+\.\.\.", message), key=len)
        assert fixed_words.strip() in source


def test_reading_requests_loads_nothing_heavy():
    heavy = "{'dagster', 'datasets', 'polars', 'pyarrow', 'huggingface_hub', 'numpy', 'typer'}"
    program = (
        "import hugflow.requests.collect, hugflow.requests.folder, sys;"
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_schema_for_editors_is_that_of_the_model():
    schema = Path(__file__).parents[2] / "docs" / "request.schema.json"
    assert json.loads(schema.read_text("utf-8")) == json_schema()
