"""The configuration of the embedded nats-server, as text."""

import json
from collections.abc import Mapping
from pathlib import Path

from hugflow.serving.subjects import permissions
from hugflow.serving.tls import Certificate

MAX_PAYLOAD_BYTES = 8 << 20


def render_config(
    host: str,
    port: int,
    folder: Path,
    admin_id: str,
    user_ids: Mapping[str, str],
    certificate: Certificate | None = None,
    *,
    max_store_bytes: int,
) -> str:
    """The whole file. It holds public keys alone.

    admin_id: may do everything; makes the streams of the users, which they cannot do themselves:
        a stream's configuration may name any subject, also another user's.
    user_ids: by name. max_store_bytes: the room for all users together; then the server takes no
        more, and deletes nothing.
    """
    users = [f"    {{ nkey: {admin_id} }}"]
    for name, user_id in sorted(user_ids.items()):
        users += [
            f"    # {name}",
            f"    {{ nkey: {user_id}, permissions: {json.dumps(permissions(user_id))} }}",
        ]
    store = json.dumps(str(folder / "jetstream"))
    tls = []
    if certificate is not None:
        cert, key = json.dumps(str(certificate.cert)), json.dumps(str(certificate.key))
        tls = [f"tls {{ cert_file: {cert}, key_file: {key}, timeout: 5 }}"]
    lines = [
        f"listen: {json.dumps(f'{host}:{port}')}",
        'server_name: "hugflow-flows"',
        f"max_payload: {MAX_PAYLOAD_BYTES}",
        "max_pending: 256MB",
        *tls,
        f"jetstream {{ store_dir: {store}, max_file_store: {max_store_bytes} }}",
        f"log_file: {json.dumps(str(folder / 'server.log'))}",
        f"pid_file: {json.dumps(str(folder / 'server.pid'))}",
        "authorization {",
        "  users = [",
        *users,
        "  ]",
        "}",
    ]
    return "\n".join(lines) + "\n"
