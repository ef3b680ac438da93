"""`hugflow push` to a server of the S3 kind, by the extra `s3`."""

import json
import os
import subprocess

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.cluster.venv import make_venv, read_extra
from tests.dagster.conftest import free_port, wait_until
from tests.projects import Project
from tests.runners import name_of

HUGFLOW = "from hugflow.cli.main import main; main()"
BUCKET = "import boto3; boto3.client('s3').create_bucket(Bucket='speech')"
KEYS = (
    "import boto3; s3 = boto3.client('s3'); "
    "print(*(each['Key'] for each in s3.list_objects_v2(Bucket='speech')['Contents']))"
)
SECRET = "made-up-secret-of-aws"


@pytest.mark.xdist_group("cluster")
def test_a_dataset_is_pushed_to_s3_and_what_is_there_is_not_sent_again(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "push/s3", rows=2, shards=1)
    assert project.run("local-sync", project.request("push/s3")).returncode == 0
    python = make_venv("s3", [*read_extra("s3"), "moto[server]>=5"])
    port = free_port()
    environment = project.environment | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def call(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(python), "-W", "ignore", "-c", program, *arguments],
            cwd=project.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    serve = [str(python), "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: call(BUCKET).returncode == 0, 60, "the server makes a bucket")
            name = name_of("push/s3")
            sent = [
                json.loads(call(HUGFLOW, "push", name, "s3://speech/sets", "--json").stdout)
                for _ in range(2)
            ]
            counts = [
                (told["datasets"][0]["shards_sent"], told["datasets"][0]["shards_kept"])
                for told in sent
            ]
            assert counts == [(1, 0), (0, 1)]
            version = sent[0]["datasets"][0]["version"]
            keys = call(KEYS).stdout.split()
            shard = f"sets/{version}/data/train-00000-of-00001.parquet"
            assert {shard, f"sets/{version}/manifest.json", "sets/latest.json"} <= set(keys)
            refused = call(HUGFLOW, "push", name, "s3://nobody/sets")
            assert refused.returncode == 1
            assert "nobody/sets" in refused.stderr
            assert SECRET not in refused.stderr
        finally:
            server.terminate()
    assert "AWS_SECRET_ACCESS_KEY" not in os.environ
