"""Which requested datasets a dataset waits for before it is compared with them."""

from hugflow.requests.catalog import read_catalog
from hugflow.requests.collect import parse_files, settle_requests
from hugflow.requests.folder import read_folder
from hugflow.requests.match_names import is_meant
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import RequestFileInvalid
from hugflow.stages.build.build import Build
from hugflow.stages.standing.expansions import with_members


def find_other_requests(build: Build) -> list[AddRequest]:
    """The requests on main beside the build's own; where main is unknown, those of the project.

    One for several datasets counts as one for each of them, once they are known.
    """
    catalog, root = read_catalog(build.places), build.options.flow_root
    try:
        files = catalog.data_by_path if catalog is not None else read_folder(root) if root else {}
    except RequestFileInvalid:
        return []
    parsed = with_members(build.places, parse_files(files))
    adds = (file.request for file in settle_requests(parsed).adds)
    return [request for request in adds if request.is_several or request.name != build.name]


def means(written: str, request: AddRequest) -> bool:
    """Whether a word of `no_overlap_with` means what a request asks for, or a part of it."""
    if request.is_several:
        return request.hf_id == written.partition("#")[0]
    return is_meant(written, request.name, request.hf_id, request.split)


def will_compare(request: AddRequest, build: Build) -> bool:
    """Whether the other dataset is itself compared with this one, before it is published."""
    own = build.request
    return any(is_meant(word, build.name, own.hf_id, own.split) for word in request.no_overlap_with)
