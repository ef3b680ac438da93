"""The origin of a file, a row, a shard or a dataset, as one value."""

from hugflow.late_dataclass import dataclass
from hugflow.ledger.progress import Status
from hugflow.stages.standing.publication import Publication


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known about a file, a row, a shard or a dataset; None: unknown or not applicable.

    request_commit, request_author: of main's commit that brought the request.
    pull_request: number of its pull request on GitHub.
    request_repository: location of the parent repository that an inherited request comes from.
    request_repository_commit: that repository's commit.
    row_state: made, failed (`code` and `message` say why), or missing: not made yet.
    published_row: the row's number in the published file.
    published_commit: commit of the published file; it differs from `commit` if the Hub's conversion
        is read.
    rows: of the shard if there is one, else of the dataset.
    source_path: the dataset's own name of the clip.
    start, end: of a row that is a time range of its recording, in seconds; end None for the
        recording's end.
    flows: the row steps, in order: module, commit, class and configuration of each; of a row, what
        became of it there.
    made_at: when the file was written.
    published_at: when the dataset was completed.
    publication: where its request publishes it to, and whether it is there.
    """

    dataset: str
    request: str | None
    state: Status
    path: str | None
    kind: str
    hf_id: str | None = None
    subset: str | None = None
    split: str | None = None
    revision: str | None = None
    commit: str | None = None
    plan: str | None = None
    licence: str | None = None
    request_commit: str | None = None
    request_author: str | None = None
    pull_request: int | None = None
    request_repository: str | None = None
    request_repository_commit: str | None = None
    shard: str | None = None
    published_file: str | None = None
    published_sha256: str | None = None
    published_commit: str | None = None
    first_row: int | None = None
    rows: int | None = None
    row: int | None = None
    published_row: int | None = None
    row_state: str | None = None
    stem: str | None = None
    mp3: str | None = None
    json: str | None = None
    source_path: str | None = None
    start: float | None = None
    end: float | None = None
    source_format: str | None = None
    source_sampling_rate: int | None = None
    source_channels: int | None = None
    sampling_rate: int | None = None
    num_samples: int | None = None
    duration: float | None = None
    bitrate_kbps: int | None = None
    treatment: str | None = None
    code: str | None = None
    message: str | None = None
    flows: str | None = None
    made_at: str | None = None
    published_at: str | None = None
    publication: Publication | None = None
